"""Content of a figure's panels."""

from typing import Any


def panels(figure: Any) -> list[Any]:
    """The panels of a figure without colour bars."""
    return [axes for axes in figure.axes if axes.axison and axes.get_label() != "<colorbar>"]


def rows_of(axes: Any) -> list[str]:
    return [label.get_text().replace("\n", " ") for label in axes.get_yticklabels()]


def points(axes: Any) -> dict[float, tuple[float, str]]:
    """The dots in a panel: (middle, marker) by row."""
    dots = [
        line for line in axes.lines if len(line.get_xdata()) == 1 and line.get_marker() not in ("None", "D")
    ]
    return {float(dot.get_ydata()[0]): (float(dot.get_xdata()[0]), dot.get_marker()) for dot in dots}
