"""Deterministic formatting of numbers, and CSV files of them."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

_CLEAN = 9  # digits after which a sum may have rounding errors
_SMALL = 1e-5  # p-values below it would lose too much to rounding


def fixed(value: Any, digits: int = 4) -> str:
    """Format the value of a cell: empty for None, integers and strings unchanged, floats with fixed digits."""
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    return f"{rounded(value, digits):.{digits}f}"


def rate_text(rate: float | None) -> str | None:
    """Format a learning rate without trailing zeros; None stays None."""
    return None if rate is None else f"{rate:g}"


def rounded(value: float, digits: int = 4) -> float:
    """Round `value` to fixed digits; noise in the last bits is dropped first, so that ties round the same way."""
    return round(round(value, _CLEAN), digits) + 0.0  # + 0.0 turns -0.0 into 0.0


def p_text(value: float | None) -> str:
    """Format a p-value with six decimals, or with three significant digits below 1e-5, such as 2.31e-11."""
    return f"{value:.2e}" if value is not None and 0 < value < _SMALL else fixed(value, 6)


def csv_text(columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> str:
    """The text of a CSV file with exactly these columns."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([(p_text if _is_p(column) else fixed)(row[column]) for column in columns])
    return buffer.getvalue()


def _is_p(column: str) -> bool:
    return column in ("p", "p_holm") or column.endswith(("_p", "_p_holm"))
