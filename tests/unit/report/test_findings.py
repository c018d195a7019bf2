"""The README's findings are made from the tables, between two marks."""

from pathlib import Path

import fabricated_analyses as analysed
import fabricated_tables as fabricated
import pytest

from semalign.report.findings import BEGIN, END
from semalign.report.stage import write_findings
from semalign.runtime.errors import UserError


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """Finished studies with fabricated tables."""
    geometry, seeds = analysed.geometry_tables()
    tables = {
        "full": {
            "main": fabricated.main_table(),
            "costs": fabricated.cost_table(),
            "contrasts": fabricated.contrast_table(),
            "search": fabricated.search_table(),
            "ablations": fabricated.ablation_table(),
            "comparisons": analysed.comparison_table(),
            "agreement": analysed.agreement_table(),
            "detectable": fabricated.detectable_table(),
            "geometry": geometry,
            "seeds": seeds,
            "crossing": analysed.crossing_table(),
        },
        "real": {"decomposition": fabricated.decomposition_table()},
        "pruned": {
            "main": fabricated.main_table(),
            "bits": fabricated.bits_table(),
            "contrasts": fabricated.contrast_table(),
            "comparisons": analysed.comparison_table(),
            "detectable": fabricated.detectable_table(),
            "search": fabricated.search_table(),
        },
        "scored": {"benchmarks": fabricated.benchmark_table()},
    }
    for study, named in tables.items():
        for part in ("tables", "figures"):
            (tmp_path / study / part).mkdir(parents=True)
        for name, table in named.items():
            table.to_csv(tmp_path / study / "tables" / f"{name}.csv", index=False)
        for figure in ("scores", "ablation", "geometry", "decomposition"):
            (tmp_path / study / "figures" / f"{figure}.png").write_bytes(study.encode())
    return tmp_path


def write(finished: Path, readme: Path) -> None:
    studies = (finished / name for name in ("full", "real", "pruned", "scored"))
    write_findings(*studies, readme, finished / "docs")


def test_only_what_stands_between_the_marks_changes(finished: Path) -> None:
    readme = finished / "README.md"
    readme.write_text(f"before\n{BEGIN}\nstale text\n{END}\nafter\n")
    write(finished, readme)
    text = readme.read_text()
    assert text.startswith("before\n") and text.endswith("after\n")
    assert "stale text" not in text
    assert "**semalign** scores lower than **sft** over all benchmarks" in text
    assert "Each of 2 methods was tried with 3 learning rates" in text
    assert "| semalign " in text
    assert "trained variants, the rank correlation" in text and "docs/geometry.png" in text
    assert (
        "study pruned" in text
        and "0.900 [0.800, 1.000] ▼" in text
        and "(study scored)" in text
        and "Empty answers" in text
    )
    assert (finished / "docs/scores.png").read_bytes() == b"full"
    write(finished, readme)
    assert readme.read_text() == text


def test_a_page_without_marks_is_refused(finished: Path) -> None:
    readme = finished / "README.md"
    readme.write_text("nothing")
    with pytest.raises(UserError, match="found no pair of marks"):
        write(finished, readme)
