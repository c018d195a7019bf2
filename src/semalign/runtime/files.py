"""Writing artifacts so that a half-written one never has the final name."""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

PARTIAL = ".partial"  # how the name of what is being written ends


def write_text(path: Path | str, text: str) -> None:
    """Write `text` to a temporary file beside `path`, then rename it."""
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
            error.filename = str(path)  # writing to an open file does not name it
        raise


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all; not-a-number is refused."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def update_json(path: Path | str, value: Any) -> None:
    """`write_json`, but a file that holds `value` already keeps its time: what depends on it stays current."""
    path = Path(path)
    with contextlib.suppress(OSError, ValueError):
        if read_json(path) == value:
            return
    write_json(path, value)


def write_jsonl(path: Path | str, rows: Iterable[dict[str, Any]]) -> None:
    """Write one JSON object a line, whole or not at all."""
    write_text(path, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows))


def read_json(path: Path | str) -> Any:
    """Read one JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def read_jsonl(path: Path | str) -> list[dict[str, Any]]:
    """Read a file with one JSON object a line."""
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines() if line]


@contextlib.contextmanager
def replace_folder(path: Path | str) -> Iterator[Path]:
    """Give a temporary folder to fill; on success it takes the name `path`, on failure it is removed.

    A folder of that name steps aside first, so that at no moment a mixture of both has the name.
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
    """Remove what killed processes were writing below `root`; nothing may be at work there."""
    for path in list(root.rglob(f".*{PARTIAL}")):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
