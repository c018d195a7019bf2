"""A study's own level of tests and coverage of intervals, wherever a reader meets them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import fabricated_analyses as analyses
import fabricated_tables as fabricated
import pandas as pd
import pytest

from semalign.config.statistics import StatisticsSettings
from semalign.report import names, sentences
from semalign.report.figures import registry
from semalign.report.levels import STANDARD, Levels, read_levels
from semalign.report.notebooks import publish
from semalign.report.pages import study_page
from semalign.report.reading import Tables, read_tables
from semalign.report.relation import rank_correlation
from semalign.runtime.errors import UserError

ROOT = Path(__file__).resolve().parents[3]
STRICT = {"alpha": 0.01, "confidence": 0.99, "titles": {}}
PARAMETERS = {"study": "tiny", "tables": "results/tiny/tables", "figures": "results/tiny/figures"}
BETWEEN = 0.03  # a p-value that the usual level calls a difference and the strict one does not
TESTS = ("vs_student_p", "vs_best_baseline_p", "vs_default_p", "p_holm")
VERDICTS = r"Decided, (higher|lower)|against [^:]*: (higher|lower)|(best|average): [^,]*, (higher|lower)"


def tables() -> dict[str, pd.DataFrame]:
    """Every table of a study, each test between the two levels."""
    own = {
        "main": fabricated.main_table(),
        "ablations": fabricated.ablation_table(),
        "similarity": fabricated.similarity_table(),
        "detectable": fabricated.detectable_table(),
        "costs": fabricated.cost_table(),
        "contrasts": fabricated.contrast_table(),
        "decomposition": fabricated.decomposition_table(),
        **analyses.analyses(),
    }
    columns = {name: [column for column in TESTS if column in table] for name, table in own.items()}
    return {
        name: table.assign(
            **{column: table[column].where(table[column].isna(), BETWEEN) for column in columns[name]}
        )
        for name, table in own.items()
    }


def write(folder: Path, levels: dict[str, object] | None = None) -> Path:
    folder.mkdir(parents=True)
    for name, table in tables().items():
        table.to_csv(folder / f"{name}.csv", index=False)
    if levels:
        (folder / "levels.json").write_text(json.dumps(levels), encoding="utf-8")
    return folder


def words(text: str) -> str:
    """A page's own words, without its head."""
    body = re.sub(r"<style>.*?</style>|<[^>]+>", " ", text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", body)


def texts_of(figure: object) -> Iterator[str]:
    """All texts that a figure shows."""
    for text in figure.findobj(lambda artist: hasattr(artist, "get_text")):  # type: ignore[attr-defined]
        yield text.get_text()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tables", "ablations", "figures", "mechanism"])
def test_a_notebook_judges_by_its_studys_level(name: str, tmp_path: Path) -> None:
    write(tmp_path / PARAMETERS["tables"], STRICT)
    publish(
        ROOT / f"notebooks/{name}.ipynb", PARAMETERS, tmp_path / "log.ipynb", tmp_path / "n.html", tmp_path
    )
    text = words((tmp_path / "n.html").read_text(encoding="utf-8"))
    assert not re.search(VERDICTS, text) and "95" not in text


@pytest.mark.parametrize(
    ("figure", "strict", "usual"),
    [
        ("agreement", "99 % interval", "95 % interval"),
        ("attribution", "99 % interval", "95 % interval"),
        ("scores", None, "p < 0.05"),
        ("ablation", None, "p < 0.05"),
    ],
)
def test_a_figure_says_its_studys_level(figure: str, strict: str | None, usual: str) -> None:
    found = {}
    for levels in (Levels(0.01, 0.99), STANDARD):
        drawn = " ".join(texts_of(registry.draw(figure, Tables(tables(), levels))))
        found[levels.alpha] = drawn
    assert usual in found[0.05] and usual not in found[0.01]
    assert strict is None or strict in found[0.01]
    main = Tables({"main": fabricated.main_table()}, Levels(0.01, 0.99))
    assert any("p < 0.01" in text for text in texts_of(registry.draw("scores", main)))


def test_a_page_says_its_studys_levels(tmp_path: Path) -> None:
    folder = write(tmp_path / "mine", STRICT)
    strict = study_page("full", folder, tmp_path)
    assert "uncorrected 99 % intervals over items" in strict and "95" not in strict
    assert not re.search(VERDICTS, strict)
    (folder / "levels.json").unlink()
    usual = study_page("full", folder, tmp_path)
    assert "uncorrected 95 % intervals over items" in usual and re.search(VERDICTS, usual)


def test_wider_coverage_widens_the_interval_of_a_correlation() -> None:
    numbers = pd.DataFrame({"a": range(12), "b": [1, 0, 3, 2, 6, 4, 5, 9, 7, 8, 11, 10]}, dtype=float)
    usual, wide = (rank_correlation(numbers, "a", "b", levels) for levels in (STANDARD, Levels(0.01, 0.99)))
    assert wide.estimate == usual.estimate and wide.low < usual.low
    assert STANDARD.tails == (0.025, 0.975)


def test_tables_of_earlier_versions_have_the_configs_defaults(tmp_path: Path) -> None:
    settings = StatisticsSettings()
    assert read_levels(tmp_path) == STANDARD == Levels(settings.alpha, settings.confidence)
    (tmp_path / "levels.json").write_text('{"alpha": 0.01}', encoding="utf-8")
    with pytest.raises(
        UserError, match=r"levels.json: found KeyError\('confidence'\), expected an object with"
    ):
        read_levels(tmp_path)


def test_methods_are_printed_by_their_titles(tmp_path: Path) -> None:
    folder = write(tmp_path / "tables", STRICT | {"titles": {"sft-all-layers": "Fine-tuning"}})
    data = read_tables(folder, ["main"])
    assert "of the 3 methods" in sentences.helps(data) and "higher," not in sentences.helps(data)
    with names.titled(data.levels.titles):
        assert names.spell("sft-all-layers") == "Fine-tuning" and names.spell("sft") == "SFT"
    assert names.spell("sft-all-layers") == "SFT all layers"


@pytest.mark.parametrize(
    "path",
    [*ROOT.glob("src/semalign/report/**/*.py"), *ROOT.glob("notebooks/*.ipynb")],
    ids=lambda path: path.stem,
)
def test_no_level_is_typed_into_the_report(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\b95 ?%|\balpha(: float)? = 0|\bALPHA\b|0\.0?[29]75|0\.025|[<≥] 0\.05", text)
