"""The stages that readers see the results of: executed notebooks, and the README's findings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from semalign.report.notebooks import publish
from semalign.runtime.command import grouped
from semalign.runtime.errors import UserError
from semalign.runtime.provenance import Run


@grouped
@dataclass(frozen=True)
class Noted:
    """What the record of a page names.

    Attributes:
        record: Where to note what the page is made from.
        reads: Files that the record names as read.
        leaves: Figures that the record names as written.
    """

    record: Path | None = None
    reads: Sequence[Path] = ()
    leaves: Sequence[Path] = ()


NOTHING = Noted()


def execute_notebook(
    notebook: Path,
    executed: Path,
    out: Path,
    parameter: Annotated[Sequence[tuple[str, str]], Parameter(name=("--parameter", "-p"))] = (),
    cwd: Path = Path(),
    noted: Noted = NOTHING,
) -> None:
    """Execute one notebook with parameters and write it as a page of HTML.

    Args:
        notebook: The notebook to execute.
        executed: Where the executed notebook is kept.
        out: The page (HTML).
        parameter: Name and value of a parameter of the notebook; paths are relative to --cwd.
        cwd: Folder the notebook runs in. Default: this one.
        noted: What the page's record names.
    """
    if not cwd.is_dir():
        raise UserError(f"--cwd: found {cwd}, expected a folder")
    run = Run("notebook")
    publish(notebook, dict(parameter), executed, out, cwd)
    if noted.record:
        for path in (notebook, *noted.reads):
            run.read(str(path), path)
        run.note(noted.record, [out, *noted.leaves])


def write_findings(
    study: Path = Path("results/tiny-full"),
    real: Path = Path("results/real"),
    recovered: Path = Path("results/pruned"),
    scored: Path = Path("results/real-benchmarks"),
    readme: Path = Path("README.md"),
    pictures: Path = Path("docs"),
) -> None:
    """Write the README's findings from the tables of four finished studies, and copy its figures.

    The last two studies may be missing.

    Args:
        study: Results of the embedded study in full.
        real: Results of the study on a real model, layer by layer.
        recovered: Results of the study on a pruned model and its teacher.
        scored: Results on published benchmarks.
        readme: The page with the two marks.
        pictures: Folder of the README's figures.
    """
    # pandas takes a while to import, and every notebook runs through this file
    from semalign.report.findings import BEGIN, END, Studies, copy_figures, findings
    from semalign.report.marks import check_marks, fill

    studies = Studies(study, real, recovered, scored)
    check_marks(readme, BEGIN, END)
    text = findings(studies)
    copy_figures(studies, pictures)
    fill(readme, BEGIN, END, text)
