"""Atomic writes: a half-written file or folder never has its final name."""

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

PARTIAL = ".partial"  # suffix of temporary files and folders while they are written
LONGEST_NAME = 200  # a file system allows names of 255 bytes


@contextlib.contextmanager
def replace_file(path: Path | str) -> Iterator[Path]:
    """Yield a new, empty temporary file to write to; it is renamed to `path` on success and removed on failure.

    Its mode follows the umask, whatever library writes it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _unused(path)
    try:
        temporary.touch(exist_ok=False)
        mode = temporary.stat().st_mode
        yield temporary
        temporary.chmod(mode & 0o777)
        temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            _name(error, temporary, path)
        raise


def write_text(path: Path | str, text: str) -> None:
    """Write `text` to a temporary file in the folder of `path`, then rename it."""
    with replace_file(path) as temporary, _named(path), temporary.open("w", encoding="utf-8") as file:
        file.write(text)


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

    An existing folder of that name is renamed first, so that `path` never holds a mixture of old and new files. All
    files get the mode that the umask gives to new ones: some libraries write files that only their owner can read.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _unused(path)
    aside = temporary.with_suffix(f".old{PARTIAL}")
    try:
        temporary.mkdir()
        yield temporary
        _make_alike(temporary)
        if path.exists():
            path.replace(aside)
        temporary.replace(path)
    except OSError as error:
        _name(error, temporary, path)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(aside, ignore_errors=True)


def _unused(path: Path) -> Path:
    """A name for a temporary file or folder next to `path`; long names are cut, since it must not be too long."""
    return path.with_name(f".{path.name[:LONGEST_NAME]}.{uuid.uuid4().hex[:12]}{PARTIAL}")


def _make_alike(folder: Path) -> None:
    """Give all files below a new folder the mode that the umask gave to the folder, without the right to execute."""
    mode = folder.stat().st_mode & 0o666
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.chmod(mode)


@contextlib.contextmanager
def _named(path: Path | str) -> Iterator[None]:
    """Let an error name the file: one while writing to an open file does not."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def _name(error: OSError, temporary: Path, path: Path) -> None:
    """Let an error name the final file instead of the temporary one."""
    if isinstance(error.filename, str | os.PathLike):
        error.filename = os.fspath(error.filename).replace(str(temporary), str(path))


def remove_partial(root: Path) -> None:
    """Remove what killed processes left half-written below `root`. No process may be writing there."""
    for path in list(root.rglob(f".*{PARTIAL}")):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def remove_empty(root: Path) -> None:
    """Remove the folders below `root` that hold no file, deepest first. No process may be writing there."""
    for folder in sorted((path for path in root.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
