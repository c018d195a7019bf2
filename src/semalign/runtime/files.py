"""Atomic writes: a half-written file or folder never has its final name."""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

PARTIAL = ".partial"  # suffix of temporary files and folders while they are written


def write_text(path: Path | str, text: str) -> None:
    """Write `text` to a temporary file in the folder of `path`, then rename it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=PARTIAL)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = str(path)  # an error while writing to an open file does not name the file
        raise


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` atomically as indented JSON; NaN is refused."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def update_json(path: Path | str, value: Any) -> None:
    """Write `value` as JSON unless the file holds it already.

    An unchanged file keeps its modification time, so that Snakemake does not rerun the jobs that depend on it.
    """
    path = Path(path)
    with contextlib.suppress(OSError, ValueError):
        if read_json(path) == value:
            return
    write_json(path, value)


def write_jsonl(path: Path | str, rows: Iterable[dict[str, Any]]) -> None:
    """Write one JSON object per line, atomically."""
    write_text(path, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows))


def read_json(path: Path | str) -> Any:
    """Read a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def read_jsonl(path: Path | str) -> list[dict[str, Any]]:
    """Read a file with one JSON object per line."""
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines() if line]


@contextlib.contextmanager
def replace_folder(path: Path | str) -> Iterator[Path]:
    """Yield a temporary folder to fill; it is renamed to `path` on success and removed on failure.

    An existing folder of that name is renamed first, so that `path` never holds a mixture of old and new files.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=PARTIAL))
    temporary.chmod(0o755)
    aside = temporary.with_suffix(f".old{PARTIAL}")
    try:
        yield temporary
        if path.exists():
            path.replace(aside)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(aside, ignore_errors=True)


def remove_partial(root: Path) -> None:
    """Remove what killed processes left half-written below `root`. No process may be writing there."""
    for path in list(root.rglob(f".*{PARTIAL}")):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
