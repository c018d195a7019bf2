"""Benchmarks by name: each is announced above its `build` function, with `@embedded` or `@published`.

An embedded one is drawn by the code, a published one is made from the rows of its source. A new one is a file in this
folder, and an lm-eval task of the same name in `semalign/evaluation/tasks/`.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from semalign.config.benchmarks import FileBenchmark, Mixture, RealBenchmark
from semalign.runtime.errors import UserError
from semalign.runtime.registry import Registry

if TYPE_CHECKING:
    from semalign.benchmarks.base import Example, Prepared
    from semalign.config.base import Split
    from semalign.config.tiny import TinyBenchmark

BuildT = TypeVar("BuildT", bound=Callable[..., Any])

BENCHMARKS: "Registry[Callable[[TinyBenchmark], dict[Split, list[Example]]]]" = Registry(
    "benchmark", "semalign.benchmarks", "embedded"
)
PUBLISHED: "Registry[Callable[[RealBenchmark, str | None], Prepared]]" = Registry(
    "benchmark", "semalign.benchmarks", "published"
)
OWN = "semalign.benchmarks.own"


def embedded(name: str, *, title: str) -> Callable[[BuildT], BuildT]:
    """Announce a benchmark that the code draws: `build(settings)` gives its splits."""
    return lambda build: build


def published(
    name: str, *, title: str, paper: str, folders: tuple[str, ...] = ()
) -> Callable[[BuildT], BuildT]:
    """Announce a published benchmark: `build(settings, mirror)` gives its splits, `SOURCE` in its file where they are.

    `folders` are those of a mirror that it is made from, if that is more than the one of its name.
    """
    return lambda build: build


def folders_of(name: str) -> tuple[str, ...]:
    """The folders of a mirror that a published benchmark is made from."""
    folders: tuple[str, ...] = PUBLISHED.entry(name).facts.get("folders", (name,))
    return folders


def module_of(name: str, settings: Any) -> str | None:
    """The module that makes the splits of a benchmark of the study; None for a mixture, which has none.

    Raises UserError if an embedded one has a name that no module has.
    """
    if isinstance(settings, Mixture):
        return None
    if isinstance(settings, RealBenchmark):
        return PUBLISHED.module_of(settings.benchmark)
    if isinstance(settings, FileBenchmark):
        return OWN
    return BENCHMARKS.module_of(name)


def prepare(name: str, settings: Any, mirror: str | None = None) -> "Prepared":
    """The splits of a benchmark of the study, whatever its kind (a mixture apart), and where they come from.

    `mirror` is the folder that published ones are read from. Raises UserError where they can't be made.
    """
    from semalign.benchmarks.base import Prepared

    if isinstance(settings, RealBenchmark):
        prepared = PUBLISHED.load(settings.benchmark)(settings, mirror)
        return prepared.renamed(settings.benchmark, name)
    if isinstance(settings, FileBenchmark):
        own: Prepared = import_module(OWN).build(name, settings)
        return own
    return Prepared(build_benchmark(name, settings))


def check_sources(benchmarks: Mapping[str, Any], mirror: str | None) -> None:
    """Look for the mirror, where one is named, and for users' own files, before any work starts.

    Raises UserError, in one line, for a folder or file that is not there.
    """
    from semalign.benchmarks.origin import check_present

    for name, given in benchmarks.items():
        for path in own_files(given):
            if not Path(path).is_file():
                raise UserError(
                    f"benchmarks.{name}: no file {path}, expected a JSONL file of prompts and answers"
                )
        if isinstance(given, RealBenchmark):
            check_present(folders_of(given.benchmark), mirror)


def own_files(settings: Any) -> list[str]:
    """The files of a user's own that a benchmark is made from; none for any other kind."""
    if not isinstance(settings, FileBenchmark):
        return []
    return [str(Path(path).expanduser()) for path in (settings.path, settings.test_path) if path]


def build_benchmark(kind: str, settings: "TinyBenchmark") -> "dict[Split, list[Example]]":
    """All splits of the benchmark `kind`, checked to be non-empty and free of overlap.

    Raises UserError for an unknown kind, an empty split, or an item in two splits.
    """
    from semalign.benchmarks.overlap import check_splits

    splits = BENCHMARKS.load(kind)(settings)
    check_splits(kind, splits)
    return splits
