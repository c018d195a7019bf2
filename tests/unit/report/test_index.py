"""The page of a study: every kind of study has one, its links lead somewhere, and it opens without a network."""

import html
import json
import re
from pathlib import Path
from typing import Any

import fabricated_tables as fabricated
import pytest

from semalign.report import index
from semalign.report.html_page import links
from semalign.report.stage import Listed, Noted, write_index
from semalign.runtime.columns import COLUMNS
from semalign.runtime.files import write_json
from semalign.runtime.provenance import check_record

FACTS: dict[str, Any] = {
    "study": "s",
    "seeds": [0, 1],
    "pairs": {"tiny": {"teacher": "large", "student": "small"}},
    "models": {"large": "hub: org/large at 1", "small": "folder"},
    "benchmarks": ["facts"],
}
METHODS = {"student": "untouched", "semalign": "adapter", "laten": "delta"}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty folder of a study's results, in a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    return Path("results/s")


def write(root: Path, facts: dict[str, Any] = FACTS, cells: tuple[str, ...] = (), **listed: Any) -> str:
    """The page as the rule has it made."""
    write_json(root / "settings/facts.json", facts)
    write_json(root / "settings/cells.json", list(cells))
    (root / "tables").mkdir(parents=True, exist_ok=True)
    out, summary = root / "index.html", root / "tables/summary.md"
    inputs = root / "settings/facts.json", root / "settings/cells.json"
    write_index(*inputs, out, summary, Listed(**listed), Noted(record=root / "records/index.json"))
    return out.read_text(encoding="utf-8")


def write_cells(root: Path) -> tuple[str, ...]:
    """Cells of two seeds, with the kind of what each method hands to evaluation."""
    cells = []
    for method, kind in METHODS.items():
        for variant in ("default", "map~random"):
            for seed in FACTS["seeds"]:
                cell = root / f"cells/tiny/facts/{method}/{variant}/seed{seed}"
                write_json(cell / "transfer/transfer.json", {"kind": kind, "base": "student"})
                cells.append(cell.as_posix())
    return tuple(cells)


def headings(page: str) -> list[str]:
    return re.findall(r"<h2[^>]*>(.*?)</h2>", page)


def assert_it_stands_alone(page: str, root: Path) -> None:
    """Every link leads to a file below the results, and nothing is fetched."""
    assert not re.search(r"""<script|<link|@import|url\(|https?://|src=["'](?!data:)""", page)
    for target in re.findall(r'href="([^"]+)"', page):
        assert (root / target).exists(), target
    assert str(Path.cwd()) not in page and str(Path.home()) not in page


def test_a_study_with_cells(root: Path) -> None:
    tables = fabricated.write_study(root / "tables")
    (tables / "main.tex").write_text("")
    for name in ("notebooks/tables.html", "figures/scores.png", "figures/scores.svg"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("<title>Does A &lt; B&#39;s?</title>")
    listed = {
        "tables": [tables / "main.csv", tables / "costs.csv"],
        "pages": [root / "notebooks/tables.html"],
        "figures": [root / "figures/scores.png"],
        "config": ["config/own.yaml"],
    }
    page = write(root, cells=write_cells(root), **listed)
    assert_it_stands_alone(page, root)
    assert headings(page) == ["Scores", "Notebooks", "Adapters", "Files", "How it was made"]
    assert page.count('src="data:image/png;base64,') == 1
    assert "Does A &lt; B&#39;s?" in page
    assert 'href="tables/main.tex"' in page and 'href="tables/main.md"' not in page
    text = html.unescape(page)
    assert 'from_pretrained("results/s/models/small")' in text
    assert '"results/s/cells/tiny/facts/semalign/default/seed0/transfer"' in text
    assert '"results/s/cells/tiny/facts/laten/default/seed0/transfer"' in text
    assert re.findall(r'href="(cells/[^"]*)"', page) == [
        f"cells/tiny/facts/{method}/default/seed{seed}/transfer"
        for method in ("semalign", "laten")
        for seed in (0, 1)
    ]
    assert "org/large at 1" in page and "snakemake --configfile config/own.yaml --report" in page
    record = check_record(root / "records/index.json")
    assert record["outputs"].keys() == {"results/s/index.html", "results/s/tables/summary.md"}
    assert "results/s/tables/main.csv" in record["inputs"]
    assert write(root, cells=write_cells(root), **listed) == page


def test_a_title_is_printed_as_it_is_everywhere_on_the_page(root: Path) -> None:
    tables = fabricated.write_study(root / "tables")
    title = "<b>a</b> *b* & `c`"
    write_json(
        tables / "levels.json",
        {"alpha": 0.05, "confidence": 0.95, "titles": {"semalign": title, "sft": "<script>1</script>"}},
    )
    page = write(root, cells=write_cells(root), tables=[tables / "main.csv"])
    assert_it_stands_alone(page, root)
    assert "<b>a<" not in page and "<em>" not in page
    assert html.unescape(page).count(title) >= 3


def test_a_study_that_only_scores_models(root: Path) -> None:
    (root / "tables").mkdir(parents=True)
    fabricated.benchmark_table().to_csv(root / "tables/benchmarks.csv", index=False)
    page = write(root, FACTS | {"pairs": {}}, tables=[root / "tables/benchmarks.csv"])
    assert_it_stands_alone(page, root)
    assert headings(page) == ["Models as they are", "Files", "How it was made"]
    assert "seeds" not in re.findall(r"<tr><td>(\w+)</td>", page)


def test_a_study_that_only_measures_models(root: Path) -> None:
    tables = fabricated.write_study(root / "tables")
    page = write(root, FACTS | {"pairs": {}}, tables=[tables / "decomposition.csv", tables / "head.csv"])
    assert_it_stands_alone(page, root)
    assert headings(page) == ["Decomposition", "Files", "How it was made"]


def test_a_study_without_results_has_a_page(root: Path) -> None:
    page = write(root)
    assert headings(page) == ["How it was made"]
    assert "no results" in page
    assert "no results" in (root / "tables/summary.md").read_text()


def test_an_empty_table_is_not_listed(root: Path) -> None:
    (root / "tables").mkdir(parents=True)
    (root / "tables/curves.csv").write_text("pair,benchmark\n")
    assert "curves.csv" not in write(root, tables=[root / "tables/curves.csv"])


def test_names_are_escaped(root: Path) -> None:
    page = write(root, FACTS | {"models": {"<b>": "folder"}})
    assert "<b>" not in page.partition("<h1>")[2] and "&lt;b&gt;" in page


def test_every_table_is_described() -> None:
    assert set(COLUMNS) | {"scores"} == set(index.CONTENTS)


def test_pages_link_to_each_other() -> None:
    assert links(["tables", "figures"], "figures") == [
        ("Study", "../index.html"),
        ("tables", "tables.html"),
        ("figures", ""),
    ]
    assert links([]) == []


def test_the_settings_name_no_path(root: Path) -> None:
    from semalign.study.definition import parse_study
    from semalign.study.layout import Layout

    model = {"source": "tiny", "layers": 2, "width": 8, "feed_forward": 16, "heads": 2}
    study = parse_study({"study": "s", "models": {"m": model}, "notebooks": ["tables"]})
    settings = Layout(study).settings
    assert settings["notebooks"] == ["tables"]
    assert settings["facts"]["models"] == {"m": "tiny"}
    assert json.dumps(settings["facts"])
