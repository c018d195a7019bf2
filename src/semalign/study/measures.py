"""The tables that a study makes, and whether its notebooks can do with them."""

from collections.abc import Iterator
from pathlib import Path

from semalign.report.declaration import Declaration, read_declaration
from semalign.report.levels import FILE as LEVELS
from semalign.runtime.errors import UserError
from semalign.study.layout import Layout

# tables of all cells
COLLECTED = tuple(
    f"{name}.csv"
    for name in (
        *("main", "scores", "ablations", "parts", "agreement", "bits", "free_text"),
        *("changes", "seeds", "comparisons", "contrasts"),
        *("detectable", "costs", "study_costs", "ladder", "dose"),
    )
)
# tables that are joined from those of single models, pairs or methods
JOINED = ("decomposition", "head", "similarity", "displacement", "geometry", "crossing")


class Measures:
    """What a study measures.

    `optional` are tables and figures that a notebook can do without -> whether the study has them. `needed` are the
    others that not every study has -> the key of the config that adds them, or nothing if the study has them.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        analysis, pairs = layout.study.analysis, layout.study.pairs
        attributed = bool(layout.signal_folders("attribution"))
        self.optional = {
            "search": bool(layout.searched()),
            "ranking": layout.study.export.ranking,
            "attribution": attributed,
            "pairing": attributed,
            "displacement": bool(analysis.displacement.benchmark),
            "ladder": bool(analysis.ladder.rungs),
            "geometry": bool(analysis.geometry.benchmark),
            "similarity": bool(analysis.similarity.benchmark and analysis.similarity.methods),
            "crossing": bool(analysis.decomposition.models and pairs),
        }
        cells = "" if layout.cells else "pairs"
        decomposition = "" if analysis.decomposition.models else "analysis.decomposition.models"
        self.needed = {
            **dict.fromkeys((Path(file).stem for file in COLLECTED), cells),
            "curves": cells,
            "benchmarks": "" if layout.score_folders() else "scores.models",
            "decomposition": decomposition,
            "head": decomposition,
        }

    def declared(self, notebook: str) -> Declaration:
        """The tables and figures that a notebook declares, without those that this study does not have.

        A notebook also reads the significance level and confidence level of the study, if the study has cells. Raises
        UserError if there is no such notebook.
        """
        own = read_declaration(notebook)
        reads = [file for file in own.reads if self.optional.get(Path(file).stem, True)]
        levels = [LEVELS] if self.layout.cells else []
        figures = [name for name in own.figures if self.optional.get(name, True)]
        return own._replace(reads=[*reads, *levels], figures=figures)


def check_notebooks(measures: Measures) -> Iterator[str]:
    """Notebooks exist, and read tables that the study makes."""
    for name in measures.layout.study.notebooks:
        try:
            own = read_declaration(name)
        except UserError as error:
            yield from error.lines
            continue
        tables = [Path(file).stem for file in own.reads]
        for key in dict.fromkeys(measures.needed.get(table, "") for table in tables):
            if key:
                lacking = [f"{table}.csv" for table in tables if measures.needed.get(table) == key]
                yield (
                    f"notebooks: found {name!r}, which reads {', '.join(lacking)}; expected `{key}` in the config to "
                    "make them, or no such notebook"
                )
        if tables and not any(measures.optional.get(table, True) for table in tables):
            files = ", ".join(own.reads)
            yield f"notebooks: found {name!r}, which reads {files}; expected analyses that make one of them"
