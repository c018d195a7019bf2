"""The rows of the published benchmarks from the hub, at their pinned revisions."""

import errno
import logging
from collections.abc import Iterable
from pathlib import Path

from semalign.benchmarks.mirror import HELP, converted
from semalign.benchmarks.source import Row, Rows, Source
from semalign.runtime.errors import UserError

LOGGER = logging.getLogger(__name__)


def fetch(source: Source, parts: Iterable[str]) -> Rows:
    """The rows of some parts, downloaded unless they are in the hub's cache.

    Raises UserError, in one line, if the hub can't be reached, lacks a file or column, or sent a damaged file.
    """
    rows: Rows = {}
    for name in parts:
        path = download(source, source.parts[name].hub)
        found = read_parquet(path)
        try:
            rows[name] = [source.convert(name, row) for row in found]
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{source.repository}: {source.parts[name].hub}: found other columns than expected ({error})"
            ) from None
    return converted(source, rows)


def download(source: Source, file: str) -> Path:
    """Download one file of the source's repository; returns its path in the hub's cache."""
    import huggingface_hub
    from huggingface_hub import errors

    LOGGER.info("benchmark %s: looking for %s of %s", source.name, file, source.repository)
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it would log a line per attempt
    try:
        path = huggingface_hub.hf_hub_download(
            source.repository, file, repo_type="dataset", revision=source.revision
        )
    except (errors.EntryNotFoundError, errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        if isinstance(error, errors.LocalEntryNotFoundError):
            raise _unreachable(source, error) from None
        raise UserError(
            f"{source.repository}: no file {file} at revision {source.revision[:12]}; {HELP}"
        ) from None
    except (errors.HTTPError, errors.RevisionResolutionError, OSError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise _unreachable(source, error) from None
    return Path(path)


def read_parquet(path: Path) -> list[Row]:
    """The rows of a parquet file, as plain Python values; raises UserError for a damaged file."""
    from pyarrow import parquet

    try:
        rows: list[Row] = parquet.read_table(path).to_pylist()
    except (OSError, ValueError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"{path}: not a whole Parquet file ({reason}); download it again with `hf download --force-download`"
        ) from None
    return rows


def _unreachable(source: Source, error: Exception) -> UserError:
    reason = str(error).strip().partition("\n")[0].partition(". ")[0] or type(error).__name__
    return UserError(f"benchmark {source.name}: the hub can't be reached ({reason}); {HELP}")
