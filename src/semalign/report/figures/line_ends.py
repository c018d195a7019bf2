"""Labels at the ends of lines, to the right of a panel: they name many lines without a legend."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import isotonic_regression

INCHES = 0.145  # height of a line of text


class Label(NamedTuple):
    """A label for the point `x`, `y` at which a line ends."""

    text: str
    x: float
    y: float
    color: str


def label_ends(axes: Any, labels: Sequence[Label], inches: float) -> None:
    """Write the labels to the right of a panel that is `inches` high, in the order of their lines' ends.

    Labels that would overlap are moved apart. A thin line leads from each to its point. Call it after everything is
    drawn: the limits of the y axis are kept.
    """
    axes.set_ylim(axes.get_ylim())
    ranked = sorted(labels, key=lambda label: label.y)
    to_share = axes.transScale + axes.transLimits  # of the panel's height, also if the axis is logarithmic
    wanted = [float(to_share.transform((label.x, label.y))[1]) for label in ranked]
    sizes = [(label.text.count("\n") + 1) * INCHES / inches for label in ranked]
    for label, place in zip(ranked, apart(wanted, sizes), strict=True):
        axes.annotate(
            label.text,
            (label.x, label.y),
            xytext=(1.06, place),
            textcoords="axes fraction",
            va="center",
            fontsize=8,
            color=label.color,
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": label.color,
                "linewidth": 0.6,
                "alpha": 0.6,
                "shrinkB": 3,
                "relpos": (0, 0.5),
            },
        )


def apart(wanted: Sequence[float], sizes: Sequence[float]) -> list[float]:
    """Places for marks of these sizes that do not overlap, in the order of the `wanted` ones, which ascend.

    They have the least sum of squared distances from the wanted ones that allows, and are between 0 and 1 if the sizes
    fit in there.
    """
    if not wanted:
        return []
    # without the room that the marks below take, the order is all that is left to keep
    room = np.cumsum(sizes) - np.asarray(sizes) / 2
    free = isotonic_regression(np.asarray(wanted) - room).x
    return list(np.clip(free, 0, max(0.0, 1 - sum(sizes))) + room)
