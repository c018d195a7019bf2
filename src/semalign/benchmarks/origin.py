"""Loading the rows of a published benchmark from the mirror, if one is named, or else from the hub."""

import logging
from collections.abc import Iterable
from typing import Any

from semalign.benchmarks.mirror import folder_of, mirror_folder, read_mirror
from semalign.benchmarks.source import Rows, Source, check_columns, checksum, verify
from semalign.runtime.errors import UserError

logger = logging.getLogger("semalign")


def load(
    source: Source, mirror: str | None, parts: Iterable[str], strict: bool
) -> tuple[Rows, dict[str, Any]]:
    """Load the rows of some parts, from the mirror or else from the hub; also returns their provenance record.

    With `strict` only the pinned revision is accepted. Raises UserError, in one line, for a missing
    or damaged file, other rows than expected, or a hub that can't be reached.
    """
    wanted = list(parts)
    folder = mirror_folder(mirror)
    if folder:
        rows = read_mirror(source, folder, wanted)
    else:
        from semalign.benchmarks.hub import fetch

        rows = fetch(source, wanted)
    where = f"mirror {folder}" if folder else source.repository
    check_columns(source, rows, where)
    try:
        verify(source, rows, where)
    except UserError as error:
        if strict:
            raise
        logger.warning("warning: %s", str(error).partition(" (another")[0])
    return rows, {
        "source": "mirror" if folder else "hub",
        "repository": source.repository,
        "revision": source.revision,
        "verified": strict,
        "parts": {name: {"rows": len(part), "checksum": checksum(part)} for name, part in rows.items()},
    }


def check_present(names: Iterable[str], mirror: str | None) -> None:
    """Check that the mirror, if one is named, has these benchmarks' folders; raises UserError if not."""
    if folder := mirror_folder(mirror):
        for name in names:
            folder_of(name, folder)
