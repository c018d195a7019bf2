"""Names next to dots, placed so that they cover neither other dots nor each other, as far as there is room."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from matplotlib.patheffects import withStroke

SIZE = 8.0  # points
WIDTH = 0.55  # of a letter, as a share of the font's size
GAP = 5.0  # points between a dot and its name
# where a name is put, in the order of preference: sides (1 is right of the dot, -1 left of it) and lines above it
PLACES = tuple((side, line) for line in (0, 1, -1, 2, -2) for side in (1, -1))


class Box(NamedTuple):
    """A rectangle in points."""

    left: float
    bottom: float
    right: float
    top: float

    def meets(self, other: "Box") -> bool:
        """Whether two rectangles overlap."""
        across = self.left < other.right and other.left < self.right
        return across and self.bottom < other.top and other.bottom < self.top


def label_dots(
    axes: Any, dots: Sequence[tuple[float, float, str, str]], size: tuple[float, float], *, every: bool = True
) -> None:
    """Write a name next to each dot (x, y, name, colour); dots with an empty name are only kept free.

    `size` is that of the panel in inches, about. Names without room are written over others, or left out unless
    `every` dot must have its name. Call it when the limits of the axes are final.
    """
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    scale = 72 * size[0] / (right - left), 72 * size[1] / (top - bottom)
    places = [((x - left) * scale[0], (y - bottom) * scale[1]) for x, y, *_ in dots]
    panel = Box(0, 0, 72 * size[0], 72 * size[1])
    taken = [Box(x - 3, y - 3, x + 3, y + 3) for x, y in places]
    for (x, y, name, color), place in zip(dots, places, strict=True):
        if not name:
            continue
        options = list(_options(place, name))
        free = [one for one in options if _free(one[0], taken, panel)]
        if not (free or every):
            continue
        box, side, line = (free or options)[0]
        taken.append(box)
        axes.annotate(
            name,
            (x, y),
            xytext=(side * GAP, line * SIZE),
            textcoords="offset points",
            ha="left" if side > 0 else "right",
            va="center",
            fontsize=SIZE,
            color=color,
            zorder=6,
            path_effects=[withStroke(linewidth=2, foreground="white")],
        )


def _options(place: tuple[float, float], name: str) -> Iterator[tuple[Box, int, int]]:
    """The rectangle of a name at each of its possible places."""
    wide, half = WIDTH * SIZE * len(name), 0.6 * SIZE
    for side, line in PLACES:
        near, middle = place[0] + side * GAP, place[1] + line * SIZE
        left, right = sorted((near, near + side * wide))
        yield Box(left, middle - half, right, middle + half), side, line


def _free(box: Box, taken: Sequence[Box], panel: Box) -> bool:
    inside = box.left >= panel.left and box.right <= panel.right
    inside = inside and box.bottom >= panel.bottom and box.top <= panel.top
    return inside and not any(box.meets(other) for other in taken)
