"""Joining tables that several jobs wrote."""

from collections.abc import Sequence
from pathlib import Path

from semalign.runtime.errors import UserError


def join_csv(tables: Sequence[Path]) -> str:
    """Join the rows of all tables, unchanged, below one header; raises UserError if a header differs from the first."""
    header = ""
    rows: list[str] = []
    for path in tables:
        first, *rest = path.read_text(encoding="utf-8").splitlines()
        header = header or first
        if first != header:
            raise UserError(f"{path}: header {first!r}, expected {header!r} as in {tables[0]}")
        rows += rest
    return "\n".join([header, *rows]) + "\n"
