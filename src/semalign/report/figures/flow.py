"""Small panels in lines, for tables with any number of benchmarks and variants."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from semalign.report.figures.style import distinct, spell, wrap

DEFAULT = "default"


def panels_of(table: pd.DataFrame, keys: Sequence[str]) -> list[tuple[str, ...]]:
    """The panels in the table's order, those with the same first keys next to one another."""
    panels = distinct(table[list(keys)].itertuples(index=False, name=None))
    for position in reversed(range(len(keys))):
        order = {value: number for number, value in enumerate(distinct(panel[position] for panel in panels))}
        panels.sort(key=lambda panel: order[panel[position]])
    return panels


def columns_of(panels: Sequence[tuple[str, ...]], most: int) -> int:
    """Number of panels per line: those of one benchmark if it has several, otherwise at most `most`."""
    blocks = [panel[:-1] for panel in panels]
    longest = max(blocks.count(block) for block in blocks)
    return min(longest if longest > 1 else len(panels), most)


def lay_out(figure: Any, count: int, columns: int, **shared: Any) -> Iterator[tuple[int, Any]]:
    """Yield (number, axes) of `count` panels in lines of `columns`; the rest of the last line stays empty."""
    lines = -(-count // columns)
    grid = figure.subplots(lines, columns, squeeze=False, **shared)
    for number, axes in enumerate(grid.flat):
        if number < count:
            yield number, axes
        else:
            axes.set_axis_off()


def size(count: int, columns: int, width: float, height: float) -> tuple[float, float]:
    """Width and height in inches of a figure with `count` panels, including the legend's line."""
    return width * columns + 0.5, height * -(-count // columns) + 0.6


def title(table: pd.DataFrame, panel: tuple[str, ...], letters: int = 20) -> str:
    """(pair, benchmark, name) as a title; pair and name are left out if all panels have the same."""
    pair, benchmark, name = panel
    lines = [spell(pair)] if table["pair"].nunique() > 1 else []
    lines.append(wrap(benchmark, letters))
    if table["name"].nunique() > 1:
        lines.append(setting(name, letters))
    return "\n".join(lines)


def setting(name: str, letters: int = 20) -> str:
    """Spell a signal stage's name, such as `granularity~neuron+reduction~signed`: one `setting: value` per line."""
    if name == DEFAULT:
        return "default"
    parts = [part.replace("~", ": ", 1) for part in name.split("+")]
    return "\n".join(wrap(part, letters) for part in parts)
