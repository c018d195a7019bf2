"""Records of how artifacts were made, and the check that an artifact matches its record.

Every stage writes a folder with a `run.json`, its record: settings, seed, digests of the inputs, outputs and code,
package versions, hardware, wall time, peak memory, and floating-point operations if they are counted. Tables, figures
and pages share folders; their records are in `records/`. Paths in a record are relative to the working directory, so
that no artifact contains names of the host.
"""

import contextlib
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import Any

from semalign.runtime.code import dependencies_of, digest_of
from semalign.runtime.counting import operations
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json
from semalign.runtime.machine import accelerator_memory, hardware, peak_memory_mb, versions

RECORD = "run.json"
RECORDS = "records"  # folder of the records of single files, in a study's results
RESULTS = "results"
_CHUNK = 1 << 20


class Run:
    """A running stage: note each input that it reads, then seal the folder that it wrote.

    `modules` lists the modules that the stage loads by name, which its script does not import.
    """

    def __init__(self, stage: str, settings: Path | str | None = None, seed: int | None = None) -> None:
        self.stage = stage
        self.seed = seed
        self.settings_file = settings
        self.settings = Settings.read(settings) if settings else {}
        self.modules: list[str] = []
        self.inputs: dict[str, dict[str, str]] = {}
        self.paths: dict[str, Path] = {}
        self.started = time.time()

    def read(self, name: str, path: Path | str) -> Path:
        """Note an input and check it against its own record.

        Raises UserError when the artifact is missing or does not match its provenance.
        """
        path = self.paths[name] = Path(path)
        self.inputs[name] = {"path": portable(path), "digest": digest(path)}
        return path

    def read_all(self, **paths: Path | None) -> None:
        """Note several inputs by name; those that are None are skipped."""
        for name, path in paths.items():
            if path is not None:
                self.read(name, path)

    def identity(self) -> str:
        """Return a digest of settings, seed, inputs and code; a checkpoint with another digest is not used."""
        inputs = {name: source["digest"] for name, source in self.inputs.items()}
        sources = [self.stage, self.settings, self.seed, inputs, _code(self.modules)]
        return hashlib.sha256(json.dumps(sources, sort_keys=True).encode()).hexdigest()

    def wrote(self, folder: Path) -> bool:
        """Return whether a folder is what this run would write: same stage, settings, seed, inputs and code."""
        try:
            record = check(folder)
        except UserError:
            return False
        own = {"stage": self.stage, "settings": self.settings, "seed": self.seed, "inputs": self.inputs}
        own["code"] = _code(self.modules)
        return all(record.get(name) == value for name, value in own.items())

    def seal(
        self, folder: Path, extra: dict[str, Any] | None = None, ignore: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """Write `folder`/run.json, the record of all files in the folder except those to `ignore`.

        `ignore` names files or subfolders at the top of the folder.
        """
        record = self._record(file_digests(folder, ignore)) | (extra or {})
        write_json(folder / RECORD, record)
        return record

    def note(self, path: Path, outputs: Iterable[Path | str]) -> None:
        """Write a record of single files, by their paths, for outputs that share a folder with other stages."""
        write_json(path, self._record({portable(file): file_digest(Path(file)) for file in outputs}))

    def _record(self, outputs: dict[str, str]) -> dict[str, Any]:
        return {
            "stage": self.stage,
            "settings_file": portable(self.settings_file) if self.settings_file else None,
            "settings": self.settings,
            "seed": self.seed,
            "inputs": self.inputs,
            "outputs": outputs,
            "digest": _combine(outputs),
            "code": _code(self.modules),
            "versions": versions(),
            "hardware": hardware(),
            "wall_seconds": round(time.time() - self.started, 3),
            "peak_memory_mb": peak_memory_mb(),
            **operations(),
            **accelerator_memory(),
        }


class Settings(dict[str, Any]):
    """The settings of a stage, from a file; a key that is missing is a mistake in that file."""

    file: Path | str

    @classmethod
    def read(cls, path: Path | str) -> "Settings":
        """Read a file of settings. Raises UserError if it is missing, or not a JSON object."""
        content = read_settings(path)
        if not isinstance(content, dict):
            raise UserError(f"{path}: found {type(content).__name__}, expected an object with settings")
        settings = cls(content)
        settings.file = path
        return settings

    def __missing__(self, key: str) -> Any:
        raise UserError(
            f"{self.file}: found no key {key!r}, expected one (found {', '.join(self) or 'none'})"
        )


def read_settings(path: Path | str) -> Any:
    """Read a stage's settings or lists of names. Raises UserError if the file is missing or not JSON."""
    if Path(path).is_dir():
        raise UserError(f"{path}: found a folder, expected a file of JSON")
    if not Path(path).is_file():
        raise UserError(f"{path}: no such file, expected JSON")
    try:
        return read_json(path)
    except ValueError as error:  # wrong JSON, or bytes that are not UTF-8
        raise UserError(f"{path}: not valid JSON ({error})") from None


def check(folder: Path | str) -> dict[str, Any]:
    """Read the record of a folder and compare it with the files in the folder.

    Raises UserError naming the first file that is missing or differs.
    """
    return check_record(Path(folder) / RECORD, Path(folder))


def check_record(path: Path, folder: Path = Path()) -> dict[str, Any]:
    """Read a record and compare it with the files that it names, relative to `folder`.

    Raises UserError naming the first file that is missing or differs, or the record itself if it is not valid. It says
    what to do; only files that a stage wrote are ever to be deleted.
    """
    record = read_record(path)
    for name, recorded in record["outputs"].items():
        file = folder / name
        present = file_digest(file) if file.is_file() else "nothing"
        if present != recorded:
            raise UserError(differs(file, present, recorded, path, record))
    return record


def read_record(path: Path) -> dict[str, Any]:
    """Read a record. Raises UserError, with what was expected in its place, if there is none or it is not valid."""
    if not path.is_file():
        raise UserError(_no_record(path))
    try:
        record: dict[str, Any] = read_json(path)
        dict(record["outputs"])
        if missing := {"digest", "inputs"} - record.keys():
            raise KeyError(*missing)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{path}: not the record of a stage; {_again(path)}") from None
    return record


def check_file(path: Path) -> str:
    """Return the digest of a file, after comparing it with the record of the study's results that names the file.

    Raises UserError if they differ. A file without a record, such as a user's own, is taken as it is.
    """
    present = file_digest(path)
    for record, recorded in _records_naming(path):
        if recorded != present:
            raise UserError(differs(path, present, recorded, record))
    return present


def _records_naming(path: Path) -> Iterator[tuple[Path, str]]:
    """Yield (record, digest) for the records of a study that name a file, wherever the results are."""
    here = Path.cwd() / os.path.normpath(path)  # a link to a table elsewhere is a table of this study
    root = next((parent for parent in here.parents if _is_study(parent)), None)
    if root is None:
        return
    name = here.relative_to(root).parts
    for record in sorted((root / RECORDS).rglob("*.json")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            for output, recorded in read_json(record)["outputs"].items():
                if PurePath(output).parts[2:] == name:  # below results/<study>
                    yield record, str(recorded)


def _is_study(folder: Path) -> bool:
    return (folder / RECORDS).is_dir() and (folder / "tables").is_dir()


def _no_record(path: Path) -> str:
    """What a folder without a record is, and what was expected."""
    folder = path.parent
    if not folder.is_dir():
        return f"{folder}: no such folder; expected the output of an earlier stage"
    if (folder / "config.json").is_file():
        return f"{folder}: found a model folder without {path.name}, expected one that scripts/prepare_model.py made"
    if any(folder.glob("*.jsonl")):
        return f"{folder}: found data without {path.name}, expected splits that scripts/prepare_benchmark.py made"
    return f"{path}: no such file; expected the record of a finished stage, which writes it last; run the stage again"


def differs(file: Path, present: str, recorded: str, path: Path, record: dict[str, Any] | None = None) -> str:
    """The message that a file differs from its record at `path`, and what to do."""
    if file.is_symlink() and ((record or {}).get("origin") or {}).get("source") == "folder":
        return (
            f"{file}: the model folder that it links to changed after it was prepared; start the run again, which "
            "prepares the model and what depends on it anew"
        )
    found = f"found {present[:12]}, {path.name} says {recorded[:12]}"
    again = _again(path if path.name == RECORD else file)
    return f"{file}: does not match its provenance ({found}); {again}"


def _again(made: Path) -> str:
    """How to make a stage run again: a file of the project's results is deleted, anything else is left alone."""
    if PurePath(portable(made)).parts[:1] == (RESULTS,) and inside(made):
        return f"delete {portable(made)} and start the run again"
    return "run the stage that wrote it again"


def digest(path: Path | str) -> str:
    """Return the digest of a file or of a folder that a stage sealed, after comparing it with its record."""
    path = Path(path)
    if path.is_dir():
        return str(check(path)["digest"])
    if not path.is_file():
        raise UserError(f"{path}: no such file or folder; expected the output of an earlier stage")
    return check_file(path)


def file_digests(folder: Path, ignore: tuple[str, ...] = ()) -> dict[str, str]:
    """Return relative name -> SHA-256 of the files below `folder`, without records, hidden and ignored files."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    visible = (name for name in names if not any(part.startswith(".") for part in name.split("/")))
    kept = (name for name in visible if name != RECORD and name.split("/")[0] not in ignore)
    return {name: file_digest(folder / name) for name in kept}


def portable(path: Path | str) -> str:
    """Return a path relative to the working directory, or only its last part if it is outside."""
    relative = os.path.relpath(path)
    return Path(path).name if relative.startswith("..") else Path(relative).as_posix()


def inside(path: Path | str) -> bool:
    """Return whether a file is below the working directory; records contain the paths of such files only."""
    return Path(portable(path)).resolve() == Path(path).resolve()


def _code(modules: list[str]) -> dict[str, Any] | None:
    """Return the running script and the digest of all library files it depends on; None outside `scripts/`."""
    script = portable(sys.argv[0])
    if not script.startswith("scripts/") or not Path(script).is_file():
        return None
    return {"script": script, "modules": modules, "digest": digest_of(dependencies_of(script, modules))}


def _combine(outputs: dict[str, str]) -> str:
    text = "\n".join(f"{name} {value}" for name, value in sorted(outputs.items()))
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            total.update(chunk)
    return total.hexdigest()
