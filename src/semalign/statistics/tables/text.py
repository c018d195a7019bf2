"""Numbers as text, always the same for the same value, and CSV files of them."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

_CLEAN = 9  # digits beyond which a sum's rounding errors live
_SMALL = 1e-5  # p-values below it would lose their size to rounding


def fixed(value: Any, digits: int = 4) -> str:
    """Text of a cell: empty for None, whole numbers and strings as they are, floats with fixed digits."""
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    return f"{rounded(value, digits):.{digits}f}"


def rate_text(rate: float | None) -> str | None:
    """A learning rate with the digits that it has."""
    return None if rate is None else f"{rate:g}"


def rounded(value: float, digits: int = 4) -> float:
    """`value` with fixed digits; noise in the last bits is dropped first, so that ties round alike."""
    return round(round(value, _CLEAN), digits) + 0.0  # + 0.0 turns -0.0 into 0.0


def p_text(value: float | None) -> str:
    """A p-value with six digits, and below 1e-5 with three significant ones: 2.31e-11."""
    return f"{value:.2e}" if value is not None and 0 < value < _SMALL else fixed(value, 6)


def csv_text(columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> str:
    """A CSV file with exactly these columns."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([(p_text if _is_p(column) else fixed)(row[column]) for column in columns])
    return buffer.getvalue()


def _is_p(column: str) -> bool:
    return column in ("p", "p_holm") or column.endswith("_p")
