"""The look that all figures share, and how they are saved: the same table gives the same bytes."""

import contextlib
import io
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from semalign.report import names
from semalign.runtime.files import replace_file

# The palette of Okabe and Ito (2008), which people with the common colour-vision deficiencies can distinguish.
BLACK = "#000000"
GREY = "#6E6E6E"
LIGHT = "#D9D9D9"
ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
BLUE = "#0072B2"
VERMILLION = "#D55E00"
PURPLE = "#CC79A7"
CYCLE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK, GREY)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with Matplotlib, so that every machine uses the same glyphs
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.0,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E8E8E8",
    "grid.linewidth": 0.7,
    "xtick.color": GREY,
    "xtick.labelcolor": BLACK,
    "ytick.color": GREY,
    "ytick.labelcolor": BLACK,
    "figure.facecolor": "white",
    "svg.hashsalt": "semalign",
    "svg.fonttype": "path",
}
DPI = 160
COLOURS = 256
PLACES = 6  # decimals of a position in a figure, as a share of its size


def spell(name: object) -> str:
    """A name spelt for readers; Matplotlib would read what is between two dollar signs as mathematics."""
    return names.spell(name).replace("$", r"\$")


def wrap(name: object, width: int = 22) -> str:
    """A name spelt for readers, in lines of at most `width` characters unless a word is longer."""
    return "\n".join(textwrap.wrap(spell(name), width, break_long_words=True)) or "(unnamed)"


def heading(table: Any, block: Any) -> str:
    """The pair and the benchmark of a block of rows, each if the table has several."""
    names = [key for key in ("pair", "benchmark") if len(distinct(table[key])) > 1]
    return "\n".join(wrap(block[key].iloc[0], 34) for key in names)


def look_of(number: int) -> dict[str, Any]:
    """Colour and marker of the entry with this number; the first 64 differ in at least one of the two."""
    shift = number // len(CYCLE)
    return {"color": CYCLE[number % len(CYCLE)], "marker": MARKERS[(number + shift) % len(MARKERS)]}


def distinct(values: Iterable[Any]) -> list[Any]:
    """The distinct values in order of appearance; the tables are in the order of the config."""
    return list(dict.fromkeys(values))


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """Draw with these settings only, whatever a user's matplotlibrc says."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        yield


def blank(width: float, height: float) -> Any:
    """An empty figure of `width` x `height` inches that draws without a display."""
    layout = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06, wspace=0.02, hspace=0.02)
    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def legend(figure: Any, handles: list[Any], most: int = 5) -> None:
    """One legend below all panels, in even lines of at most `most` entries, fewer if the figure is narrow."""
    longest = max((len(str(handle.get_label())) for handle in handles), default=0)
    fitting = int((figure.get_figwidth() + 0.15) / (0.6 + 0.062 * longest))
    lines = -(-len(handles) // max(1, min(most, fitting)))
    figure.legend(
        handles=handles, loc="outside lower center", ncols=-(-len(handles) // lines), columnspacing=1.4
    )


def message(text: str) -> Any:
    """A small figure that says why there is nothing to draw."""
    with styled():
        figure = blank(6.0, 1.2)
        figure.text(0.5, 0.5, text, ha="center", va="center", color=GREY)
    return figure


def whole_ticks(axis: Any, layers: Iterable[Any], most: int = 8) -> None:
    """Ticks at whole layers: at each one if there are few."""
    numbers = sorted({int(layer) for layer in layers})
    if len(numbers) <= most:
        axis.set_ticks(numbers)
    else:
        axis.get_major_locator().set_params(integer=True, nbins=most - 1)


def name_rows(axes: Any, labels: list[str], strong: Iterable[int] = ()) -> None:
    """Put one label per row on the y axis, the first at the top; rows in `strong` are bold."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    ticks = axes.get_yticklabels()
    for row in strong:
        ticks[row].set_fontweight("bold")


def save(figure: Any, folder: Path | str, name: str) -> Path:
    """Write `<folder>/<name>.svg` and `.png`, each whole or not at all; returns the PNG's path.

    Neither file contains a date, a random identifier or a version, so equal figures give equal bytes.
    """
    png = Path(folder) / f"{name}.png"
    unsaid = {".png": {"Software": None}, ".svg": {"Date": None, "Creator": None}}
    with styled():
        _settle(figure)
        for suffix, metadata in unsaid.items():
            buffer = io.BytesIO()
            figure.savefig(buffer, format=suffix[1:], dpi=DPI, metadata=metadata)
            _write_bytes(png.with_suffix(suffix), buffer.getvalue())
    return png


def reduce_colours(png: Path) -> None:
    """Rewrite a PNG with at most 256 colours: a third of the size, for images that git keeps."""
    buffer = io.BytesIO()
    with Image.open(png) as image:
        reduced = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    reduced.save(buffer, format="PNG", optimize=True)
    _write_bytes(png, buffer.getvalue())


def _settle(figure: Any) -> None:
    """Compute the positions of all parts once and round them.

    The layout solver orders its sums by memory address, so their last bits differ from run to run, and the
    identifiers in an SVG are digests of all bits.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for part in _parts(figure):
        if part is not figure:
            part.bbox_relative.set_points(part.bbox_relative.get_points().round(PLACES))
        for text in part.texts:
            text.set_position([round(place, PLACES) for place in text.get_position()])
    for axes in figure.axes:
        axes.set_position([round(place, PLACES) for place in axes.get_position(original=True).bounds])


def _parts(figure: Any) -> Iterator[Any]:
    """A figure and all figures in it, the outer ones first."""
    yield figure
    for part in figure.subfigs:
        yield from _parts(part)


def _write_bytes(path: Path, content: bytes) -> None:
    with replace_file(path) as temporary:
        temporary.write_bytes(content)
