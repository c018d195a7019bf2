"""Tables as Markdown and LaTeX text, both written by pandas."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

RULE = r"\midrule"


def markdown(table: pd.DataFrame, numbers: Sequence[bool] = (), form: str = "pipe") -> str:
    """Return a table as GitHub Markdown; `numbers` marks the columns that are aligned right, by default none.

    `form` is a format of tabulate: `plain`, for example, has columns of equal width and no lines.
    """
    cells = table.astype(str)
    if form == "pipe":
        cells = cells.map(lambda text: text.replace("|", "\\|"))
    sides = ["right" if number else "left" for number in numbers or [False] * len(table.columns)]
    return str(cells.to_markdown(index=False, disable_numparse=True, tablefmt=form, colalign=sides))


def latex(
    table: pd.DataFrame, numbers: Sequence[bool], rules: Collection[int] = (), raw: Sequence[Any] = ()
) -> str:
    """Return a table as a LaTeX `tabular` (needs the package booktabs).

    `numbers` marks the columns that are aligned right. `rules` lists the row numbers with a line above them. Columns
    in `raw` contain LaTeX, all others plain text that is escaped. Columns of two levels get a line below each group.
    """
    plain: list[Any] = [column for column in table.columns if column not in raw]
    sides = "".join("r" if number else "l" for number in numbers)
    style = table.style.hide(axis="index").format_index(escape="latex", axis=1)
    style = style.format(_angles, escape="latex", subset=plain)
    lines = style.to_latex(hrules=True, column_format=sides, multicol_align="c").splitlines()
    first = lines.index(RULE) + 1
    for row in sorted(rules, reverse=True):
        lines.insert(first + row, RULE)
    if table.columns.nlevels > 1:
        names = [str(name) for name in table.columns.get_level_values(0)]
        lines.insert(lines.index(r"\toprule") + 2, _lines_below(names))
    return "\n".join(lines) + "\n"


def benchmark_title(benchmark: str) -> str:
    """Return the printed name of a benchmark: the part `mixture/facts` becomes `facts (in the mixture)`."""
    whole, _, part = benchmark.partition("/")
    return f"{part} (in the {whole})" if part else whole


def _angles(text: Any) -> str:
    """Put `<` into math mode, since LaTeX's default fonts print another character for it."""
    return str(text).replace("<", "$<$")


def _lines_below(names: Sequence[str]) -> str:
    """Return a line below each group of columns with the same name, except below the first column."""
    text, start = "", 1
    for _, group in groupby(names):
        end = start + len(list(group)) - 1
        text += rf"\cmidrule(lr){{{start}-{end}}}" if start > 1 else ""
        start = end + 1
    return text
