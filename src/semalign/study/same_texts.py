"""Benchmarks that would be counted twice, or whose parts would train on each other's test rows."""

import hashlib
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

from semalign.benchmarks.registry import own_files
from semalign.config.benchmarks import Derived, FileBenchmark, Mixture, RealBenchmark
from semalign.study.checks import CHOICES
from semalign.study.definition import Study

Files = dict[str, list[str]]  # benchmark -> digests of its files; without those that can't be read


def problems_of(study: Study) -> Iterator[str]:
    """A line per benchmark that equals another one, and per mixture with two parts from one file."""
    files = digests(study)
    names: dict[Any, str] = {}
    for name, section in study.benchmarks.items():
        identity = _identity(section, files.get(name))
        other = names.setdefault(identity, name) if identity else name
        if other != name:
            yield f"benchmarks.{name}: found the rows and settings of benchmarks.{other}, expected them once"
    for name, section in study.benchmarks.items():
        for one, two in combinations(section.parts, 2) if isinstance(section, Mixture) else ():
            if set(files.get(one, ())) & set(files.get(two, ())):
                yield (
                    f"benchmarks.{name}.parts: found {one} and {two}, which read the same rows, so that one trains on "
                    "the other's test rows; expected parts of different files"
                )


def digests(study: Study) -> Files:
    """The digests of own files, which are only read if two of them have the same size."""
    paths = {
        name: [Path(path) for path in own_files(section)]
        for name, section in study.benchmarks.items()
        if isinstance(section, FileBenchmark)
    }
    if len(paths) < 2:
        return {}
    sizes = [path.stat().st_size for own in paths.values() for path in own if path.is_file()]
    return {
        name: [_digest(path, sizes) for path in own]
        for name, own in paths.items()
        if all(path.is_file() for path in own)
    }


def _digest(path: Path, sizes: list[int]) -> str:
    if sizes.count(path.stat().st_size) < 2:
        return str(path.resolve())
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return str(path.resolve())  # another check says that it can't be read


def _identity(section: Any, files: list[str] | None) -> Any:
    """What makes a benchmark this one; None for a kind that can't be there twice, or whose files can't be read."""
    if isinstance(section, Derived):
        return section.model_dump_json()
    if isinstance(section, RealBenchmark):
        return section.model_dump_json(exclude=CHOICES)
    if isinstance(section, FileBenchmark) and files:
        return (*files, section.model_dump_json(exclude={*CHOICES, "path", "test_path"}))
    return None
