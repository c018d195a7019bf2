"""Draw a figure inside a notebook: it is saved to the figures folder and shown in the notebook."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from semalign.report.figures.registry import draw
from semalign.report.figures.style import DPI, save
from semalign.report.names import titled
from semalign.report.reading import levels_of, locate

SCREEN_DPI = 96


def show(name: str, tables: Mapping[str, pd.DataFrame], folder: Path | str, alt: str) -> Any:
    """Draw one figure, save it as SVG and PNG below `folder`, and return it as an image for the notebook.

    `alt` is the text for a reader who can't see the image.
    """
    from IPython.display import Image

    with titled(levels_of(tables).titles):
        path = save(draw(name, tables), locate(folder), name)
    content = path.read_bytes()
    pixels = int.from_bytes(content[16:20], "big")  # the width in a PNG's header
    return Image(content, width=round(pixels * SCREEN_DPI / DPI), alt=alt)
