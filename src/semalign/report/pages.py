"""The results pages of the documentation, written from tables: every number and every verdict is computed."""

import re
from pathlib import Path
from typing import Any

from semalign.report import display, sentences
from semalign.report.figures.registry import FIGURES, draw
from semalign.report.figures.style import reduce_colours, save
from semalign.report.names import titled
from semalign.report.reading import Tables, read_tables
from semalign.report.studies import STUDIES, UNKNOWN
from semalign.report.summary import summarize
from semalign.report.templating import NOT_MEASURED, once, render
from semalign.report.verdicts import verdicts
from semalign.runtime.columns import COLUMNS
from semalign.runtime.files import write_text

BEGIN, END = "<!-- takeaways: written by scripts/write_results.py -->", "<!-- end of takeaways -->"
SUMMARY = "summary"  # the figure of the README
SHOWN = (
    *("scores", "ablation", "ladder", "dose", "agreement", "cost_gain", "displacement", "geometry"),
    "decomposition",
)
_SENTENCES = [name for name in sentences.__all__ if name not in ("NOT_MEASURED", "method_under_study")]
_TABLES = [name for name in dir(display) if name.endswith("_table")]


def study_page(study: str, folder: Path, figures: Path) -> str:
    """A study's page: its summary, then its tables in `folder`; images are in the study's subfolder of `figures`."""
    tables = read_tables(folder, (), COLUMNS)
    texts = {name: getattr(sentences, name)(tables) for name in _SENTENCES}
    return _page(
        "study",
        tables,
        study=study,
        question=STUDIES.get(study, UNKNOWN).question,
        trained=display.TRAINED,
        reservation=STUDIES.get(study, UNKNOWN).reservation,
        mixtures=mixtures(tables),
        summary=summarize(folder, study),
        say={name: "" if text == NOT_MEASURED else text for name, text in texts.items()},
        show={name: display.as_markdown(getattr(display, name)(tables)) for name in _TABLES},
        seeds=int(tables["main"]["seeds"].max()) if "main" in tables else 0,
        figures=[name for name in SHOWN if (figures / study / f"{name}.png").is_file()],
        files=sorted(tables),
    )


def index_page(results: Path, studies: list[str]) -> str:
    """The table of studies: question, answer in one line, how far to trust it, link."""
    tables = {study: read_tables(results / study / "tables", (), COLUMNS) for study in studies}
    answers = [
        (study, STUDIES.get(study, UNKNOWN), sentences.answer(own), sentences.trust(own))
        for study, own in tables.items()
    ]
    return _page("results", next(iter(tables.values())), answers=answers)


def mixtures(tables: Tables) -> dict[str, int]:
    """The mixtures of the main table with the number of their parts."""
    names = once(tables["main"]["benchmark"]) if "main" in tables else []
    parts = [name.partition("/")[0] for name in names if "/" in name]
    return {name: parts.count(name) for name in once(parts)}


def write_page(docs: Path, results: Path, study: str) -> None:
    """Write a study's page below `<docs>/results/`, and its verdicts as CSV next to it."""
    folder = results / study / "tables"
    write_text(docs / f"results/{study}.md", study_page(study, folder, docs / "figures"))
    rows = verdicts(read_tables(folder, (), COLUMNS))
    if len(rows):
        write_text(docs / f"results/{study}/verdicts.csv", rows.to_csv(index=False))


def draw_figures(docs: Path, results: Path, study: str) -> None:
    """Draw the figures that the page shows, if the study has their tables."""
    tables = read_tables(results / study / "tables", (), COLUMNS)
    for name in SHOWN:
        if all(table in tables and len(tables[table]) for table in FIGURES.entry(name).facts["tables"]):
            _draw(name, tables, docs / "figures" / study)


def draw_summary(docs: Path, results: Path, study: str) -> None:
    """Draw the README's figure from one study."""
    _draw(
        SUMMARY,
        read_tables(results / study / "tables", ["main"], ["contrasts", "comparisons"]),
        docs / "figures",
    )


def _draw(name: str, tables: Tables, folder: Path) -> None:
    with titled(tables.levels.titles):
        png = save(draw(name, tables), folder, name)
    png.with_suffix(".svg").unlink()
    reduce_colours(png)


def _page(template: str, tables: Tables, **data: Any) -> str:
    """Fill a page's template; several blank lines become one."""
    return re.sub(r"\n{3,}", "\n\n", render(template, tables.levels, **data)) + "\n"
