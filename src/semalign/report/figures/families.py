"""Colours for many methods: one per family of names, so that a legend stays short."""

from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.lines import Line2D

from semalign.report.figures.style import GREY, distinct, look_of, spell

MOST = 8  # with at most this many methods, each has its own colour


def families_of(methods: Iterable[str]) -> dict[str, str]:
    """Map each method to its family: the method whose name its own begins with (`sft-all-layers`: `sft`).

    If there are few methods, each is a family.
    """
    names = distinct(methods)
    if len(names) <= MOST:
        return {name: name for name in names}
    return {
        name: min((each for each in names if f"{name}-".startswith(f"{each}-")), key=len) for name in names
    }


def dot_look(family: str, families: Sequence[str], filled: bool) -> dict[str, Any]:
    """Look of a dot: filled for the method that names the family, open for its other forms and settings."""
    look = look_of(families.index(family)) | {"linestyle": "none"}
    if filled:
        edge = {"markersize": 6.5, "markeredgecolor": "white", "markeredgewidth": 0.5}
        return look | edge | {"zorder": 5}
    return look | {"markersize": 4.5, "markerfacecolor": "none", "zorder": 3}


def family_handles(families: Sequence[str], others: bool) -> list[Any]:
    """Legend entries of the families, and of open dots if there are `others`."""
    handles = [Line2D([], [], label=spell(name), **dot_look(name, families, True)) for name in families]
    if others:
        look: dict[str, Any] = {"color": GREY, "marker": "o", "markersize": 4.5, "markerfacecolor": "none"}
        label = "open: a variant"
        handles.append(Line2D([], [], linestyle="none", label=label, **look))
    return handles
