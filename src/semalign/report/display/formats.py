"""A table as HTML or Markdown."""

from typing import Any

import pandas as pd

from semalign.report.templating import NOT_MEASURED
from semalign.runtime.tables_text import markdown

WORDS = ("pair", "method", "model", "benchmark", "protocol", "isolation", "bases", "against")
ROWS = ("comparison", "setting", "method and variant")


def html(frame: pd.DataFrame, otherwise: str = NOT_MEASURED) -> Any:
    """The table as plain HTML, without row numbers; `otherwise` if it has no row."""
    from IPython.display import HTML

    if frame.empty:
        return HTML(f"<p>{otherwise}</p>")
    table = frame.to_html(index=False, border=0, na_rep="", justify="left")
    return HTML(f'<div class="wide">{table}</div>')


def as_markdown(frame: pd.DataFrame) -> str:
    """The table as Markdown: names aligned to the left, numbers to the right; nothing if it has no row."""
    return "" if frame.empty else markdown(frame, [column not in (*WORDS, *ROWS) for column in frame.columns])
