"""The user's own files that models and benchmarks are made from: a job reruns if one of them changed.

Model folders and data files keep their names when they are trained or written again, an older file may take the place
of a newer one, and some tools keep the time of a file that they change. Each start of Snakemake therefore notes size,
time and content of every file in results/<study>/settings/files/<kind>-<name>.json, an input of the job that prepares
it. Of a large file, a part of the content is read, spread over the whole file.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from semalign.benchmarks.corpora import package_folder
from semalign.benchmarks.registry import own_files, template_files
from semalign.config.models import FolderModel, GgufPackage
from semalign.models.registry import texts_of
from semalign.models.sources import linked_files
from semalign.runtime.errors import UserError
from semalign.runtime.files import update_json
from semalign.study.definition import Study

PIECES, PIECE = 128, 1 << 16  # 8 MB of a file
KINDS = {"models": "model", "benchmarks": "benchmark"}


def listing_of(study: Study, root: str, section: str, name: str) -> list[str]:
    """The file that lists the own files of a model or benchmark; empty if it is made from none."""
    return [f"{root}/settings/files/{KINDS[section]}-{name}.json"] if _has_files(study, section, name) else []


def write_listings(study: Study, root: str) -> None:
    """Write the lists of all models and benchmarks that are made from own files, if their content has changed."""
    for section in KINDS:
        for name in getattr(study, section):
            for path in listing_of(study, root, section, name):
                update_json(path, describe(list(_files(getattr(study, section)[name]))))


def describe(files: list[Path]) -> dict[str, dict[str, Any]]:
    """Name -> size, time, content and place of each file, also through links; no paths of this machine.

    The place is a digest of the path: a link may be turned to another file of the same size and time.
    """
    described: dict[str, dict[str, Any]] = {}
    for path in files:
        known = path.stat()
        name = path.name if path.name not in described else f"{path.name} ({len(described)})"
        described[name] = {
            "size": known.st_size,
            "mtime_ns": known.st_mtime_ns,
            "content": _content(path, known.st_size),
            "place": _place(path),
        }
    return described


def _has_files(study: Study, section: str, name: str) -> bool:
    settings = getattr(study, section)[name]
    return isinstance(settings, FolderModel | GgufPackage) or bool(
        texts_of(settings)[1] or own_files(settings)
    )


def _files(settings: Any) -> Iterator[Path]:
    """The files of a model or benchmark that exist; the check before a run says which are missing."""
    if isinstance(settings, FolderModel):
        folder = Path(settings.path).expanduser()
        yield from linked_files(folder) if folder.is_dir() else ()
    elif isinstance(settings, GgufPackage):
        try:
            path = package_folder(settings.package) / settings.file
        except (UserError, ImportError, ValueError):
            return  # not installed
        yield from [path] if path.is_file() else ()
    else:
        own = [*texts_of(settings)[1], *own_files(settings), *template_files(settings)]
        paths = (Path(path).expanduser() for path in own)
        yield from (path for path in paths if path.is_file())


def _content(path: Path, size: int) -> str:
    """A digest of a file, or of PIECES of a large one at equal distances, the first and the last piece included."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        if size <= PIECES * PIECE:
            digest.update(stream.read())
        else:
            for number in range(PIECES):
                stream.seek(number * (size - PIECE) // (PIECES - 1))
                digest.update(stream.read(PIECE))
    return digest.hexdigest()[:12]


def _place(path: Path) -> str:
    """A digest of where a file is; of one below the working directory it stays the same if the folder is moved."""
    real, here = path.resolve(), Path.cwd().resolve()
    text = str(real.relative_to(here) if real.is_relative_to(here) else real)
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:12]
