"""The stages that make pages: executed notebooks, the page of a study, the results pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from semalign.report.notebooks import publish
from semalign.runtime.command import grouped
from semalign.runtime.errors import UserError
from semalign.runtime.files import write_text
from semalign.runtime.provenance import Run, Settings, read_settings


@grouped
@dataclass(frozen=True)
class Noted:
    """Contents of a page's record.

    Attributes:
        record: File to write the page's record to.
        reads: Files that the record names as read.
        leaves: Figures that the record names as written.
    """

    record: Path | None = None
    reads: Sequence[Path] = ()
    leaves: Sequence[Path] = ()


@grouped
@dataclass(frozen=True)
class Listed:
    """Files that the page of a study links to.

    Attributes:
        tables: Tables of the study.
        pages: Pages of the executed notebooks.
        figures: Figures (PNG) that the notebooks drew.
        config: Names of the config files.
    """

    tables: Sequence[Path] = ()
    pages: Sequence[Path] = ()
    figures: Sequence[Path] = ()
    config: Sequence[str] = ()


NOTHING, UNLISTED = Noted(), Listed()
SCORES = "semalign.report.figures.scores"  # figures on the page of a study


def execute_notebook(
    notebook: Path,
    executed: Path,
    out: Path,
    parameter: Annotated[Sequence[tuple[str, str]], Parameter(name=("--parameter", "-p"))] = (),
    cwd: Path = Path(),
    pages: Path | None = None,
    noted: Noted = NOTHING,
) -> None:
    """Execute one notebook with parameters and write it as a page of HTML.

    Args:
        notebook: The notebook to execute.
        executed: Where the executed notebook is kept.
        out: The page (HTML).
        parameter: Name and value of a parameter of the notebook; paths are relative to --cwd.
        cwd: Folder the notebook runs in. Default: this one.
        pages: Names of the study's notebooks (JSON), to which the page links.
        noted: What the page's record names.
    """
    if not cwd.is_dir():
        raise UserError(f"--cwd: found {cwd}, expected a folder")
    run = Run("notebook")
    for path in (notebook, *noted.reads) if noted.record else ():
        run.read(str(path), path)
    publish(notebook, dict(parameter), executed, out, cwd, read_settings(pages) if pages else ())
    if noted.record:
        run.note(noted.record, [out, *noted.leaves])


def write_index(
    facts: Path, cells: Path, out: Path, summary: Path, listed: Listed = UNLISTED, noted: Noted = NOTHING
) -> None:
    """Write the page of a study: its verdict, links to everything it made, and how it was made.

    Args:
        facts: Names and sources of the study's parts (JSON).
        cells: Folders of the study's cells (JSON).
        out: The page (HTML), in the folder of the study's results.
        summary: The verdict (Markdown).
        listed: What the page links to.
        noted: What the page's record names.
    """
    from semalign.report.index import build

    run = Run("index")
    run.modules = [SCORES]
    read = (facts, cells, *listed.tables, *listed.pages, *listed.figures, *noted.reads)
    for path in read if noted.record else ():
        run.read(str(path), path)
    page, verdict = build(Settings.read(facts), read_settings(cells), out, listed)
    write_text(out, page)
    write_text(summary, verdict + "\n")
    if noted.record:
        run.note(noted.record, [out, summary, *noted.leaves])


def write_results(
    results: Path = Path("results"),
    docs: Path = Path("docs"),
    readme: Path = Path("README.md"),
    study: Sequence[str] = (),
    figures: bool = False,
) -> None:
    """Write the results pages, and the README's takeaways, from the tables of the stored studies.

    Args:
        results: Folder of all studies.
        docs: Folder of the documentation; the pages are in results/ below it, images in figures/.
        readme: The page with the two marks of the takeaways.
        study: Studies that get a page. Default: those with tables, of the ones kept in git (always in the index).
        figures: Draw the images too, from the same tables.
    """
    # pandas takes a while to import, and every notebook runs through this file
    from semalign.report.marks import check_marks, fill
    from semalign.report.pages import (
        BEGIN,
        END,
        draw_figures,
        draw_summary,
        index_page,
        write_page,
    )
    from semalign.report.studies import STUDIES
    from semalign.report.summary import further, takeaways

    check_marks(readme, BEGIN, END)
    stored = [name for name in STUDIES if (results / name / "tables").is_dir()]
    studies = [*study] or stored
    if not studies:
        raise UserError(f"{results}: found no study with tables, expected some of {', '.join(STUDIES)}")
    # one study's page alone is renewed without a loss to what is about all
    listed = [*stored, *(name for name in studies if name not in stored)]
    first = listed[0]
    for name in studies:
        if figures:
            draw_figures(docs, results, name)
        write_page(docs, results, name)
    if figures:
        draw_summary(docs, results, first)
    write_text(docs / "results/index.md", index_page(results, listed))
    sentences = takeaways(results / first / "tables", first)
    for name in listed[1:]:
        sentences += further(results / name / "tables", name)
    fill(readme, BEGIN, END, "\n".join(f"- {sentence}" for sentence in sentences))
