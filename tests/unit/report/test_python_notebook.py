"""The notebook of the Python interface runs from a fresh clone: attribution to adapter, and a state of SmolLM2."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from semalign.report.notebooks import execute

ROOT = Path(__file__).resolve().parents[3]
NOTEBOOK = ROOT / "notebooks/python.ipynb"


def table(cell: Any) -> pd.DataFrame:
    """The table that a cell shows."""
    from io import StringIO

    (frame,) = pd.read_html(StringIO(cell.outputs[-1].data["text/html"]), index_col=0)
    return frame


@pytest.mark.slow
def test_it_runs_without_results_and_shows_what_is_true(tmp_path: Path) -> None:
    assert len(json.loads(NOTEBOOK.read_text())["cells"]) == 12
    absent = {"tables": str(tmp_path / "results/tiny/tables")}  # the models are made
    cells = execute(NOTEBOOK, absent, tmp_path / "log.ipynb", ROOT).cells
    del cells[2]  # the injected parameters
    scores = table(cells[6]).set_index("model")
    assert list(scores.index) == ["student", "teacher", "semantic bases", "random bases"]
    assert scores.loc["teacher", "score"] > scores.loc["student", "score"]
    first, last = map(float, scores.loc["semantic bases", "layer loss"].split(" to "))
    assert last < first
    assert "`Paris`" in cells[8].outputs[-1].data["text/markdown"].replace("` ", "`")
    words = table(cells[9])
    assert list(words.columns) == ["output-side", "cosine (output-side)", "random", "cosine (random)"]
    sizes = words[["cosine (output-side)", "cosine (random)"]].abs()
    assert (sizes.diff().dropna() <= 0).all(axis=None)
    places = table(cells[10])
    assert list(places.columns) == ["output-side", "random"] and len(places) == 31
    said = cells[11].outputs[-1].data["text/markdown"]
    found = [int(number.replace(",", "")) for number in re.findall(r"place ([\d,]+)", said)]
    assert found[0] == 1 and found[1:] == places.loc["final"].tolist()
