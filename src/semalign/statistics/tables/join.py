"""Joining tables that several jobs wrote."""

from collections.abc import Sequence
from pathlib import Path

from semalign.runtime.errors import UserError
from semalign.runtime.files import write_text


def join_csv(tables: Sequence[Path], out: Path) -> None:
    """Write the rows of all tables below one header, byte for byte.

    Raises UserError when a table's header differs from the first's.
    """
    header, rows = "", []
    for path in tables:
        first, *rest = path.read_text(encoding="utf-8").splitlines()
        header = header or first
        if first != header:
            raise UserError(f"{path}: header {first!r}, expected {header!r} as in {tables[0]}")
        rows += rest
    write_text(out, "\n".join([header, *rows]) + "\n")
