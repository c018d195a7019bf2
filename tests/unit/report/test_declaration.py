"""A notebook says itself what it reads and draws: a new one is one file."""

import json
from pathlib import Path

import pytest

from semalign.report.declaration import read_declaration
from semalign.report.figures.registry import FIGURES
from semalign.runtime.columns import COLUMNS
from semalign.runtime.errors import UserError

FOLDER = Path(__file__).resolve().parents[3] / "notebooks"


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.ipynb")))
def test_a_notebook_declares_what_its_code_names(name: str) -> None:
    declaration = read_declaration(name, FOLDER)
    cells = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    code = "".join(line for cell in cells if cell["cell_type"] == "code" for line in cell["source"])
    tables = {file.removesuffix(".csv") for file in declaration.reads if file.endswith(".csv")}
    assert declaration.caption and tables <= set(COLUMNS)
    assert {name for name in COLUMNS if f'"{name}"' in code} - set(declaration.figures) <= tables
    assert all(f'"{name}"' in code for name in (*tables, *declaration.figures))
    assert set(declaration.figures) <= set(FIGURES)


def test_a_notebook_without_a_declaration_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.ipynb").write_text('{"cells": [], "metadata": {}}', encoding="utf-8")
    with pytest.raises(UserError, match="found no metadata 'semalign' with caption, reads and figures"):
        read_declaration("own", tmp_path)
    with pytest.raises(UserError, match="notebooks: found 'other', expected one of own"):
        read_declaration("other", tmp_path)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"reads": ["mian.csv"]}, "reads: found 'mian.csv'"),
        ({"figures": ["scroes"]}, "figures: found 'scroes'"),
    ],
)
def test_a_table_or_figure_that_is_not_known_is_refused(
    part: dict[str, list[str]], message: str, tmp_path: Path
) -> None:
    own = {"caption": "Own.", "reads": ["main.csv"], "figures": [], **part}
    (tmp_path / "own.ipynb").write_text(json.dumps({"metadata": {"semalign": own}}), encoding="utf-8")
    with pytest.raises(UserError, match=message):
        read_declaration("own", tmp_path)
