"""The benchmarks by name; adding one is one line here and one file."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semalign.config.benchmarks import FileBenchmark, Mixture, RealBenchmark
from semalign.runtime.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from semalign.benchmarks.base import Example, Prepared
    from semalign.config.base import Split
    from semalign.config.tiny import TinyBenchmark

BENCHMARKS: dict[str, str] = {
    "facts": "semalign.benchmarks.facts",
    "arithmetic": "semalign.benchmarks.arithmetic",
    "completion": "semalign.benchmarks.completion",
    "synthesis": "semalign.benchmarks.synthesis",
}
PUBLISHED: dict[str, str] = {
    "mmlu": "semalign.benchmarks.mmlu",
    "gsm8k": "semalign.benchmarks.gsm8k",
    "humaneval": "semalign.benchmarks.humaneval",
    "mbpp": "semalign.benchmarks.mbpp",
}
# the folders of a mirror that each is made from
FOLDERS = {name: ("humaneval", "mbpp") if name == "humaneval" else (name,) for name in PUBLISHED}
OWN = "semalign.benchmarks.own"


def module_of(name: str, settings: Any) -> str | None:
    """The module that makes the splits of a benchmark of the study; None for a mixture, which has none.

    Raises UserError where an embedded one has a name that no module has.
    """
    if isinstance(settings, Mixture):
        return None
    if isinstance(settings, RealBenchmark):
        return PUBLISHED[settings.benchmark]
    if isinstance(settings, FileBenchmark):
        return OWN
    return _known(name)


def prepare(name: str, settings: Any, mirror: str | None = None) -> "Prepared":
    """The splits of a benchmark of the study, whatever its kind (a mixture apart), and where they come from.

    `mirror` is the folder that published ones are read from. Raises UserError where they can't be made.
    """
    from semalign.benchmarks.base import Prepared

    if isinstance(settings, RealBenchmark):
        prepared: Prepared = import_module(PUBLISHED[settings.benchmark]).build(settings, mirror)
        return prepared.renamed(settings.benchmark, name)
    if isinstance(settings, FileBenchmark):
        own: Prepared = import_module(OWN).build(name, settings)
        return own
    return Prepared(build_benchmark(name, settings))


def check_sources(benchmarks: "Mapping[str, Any]", mirror: str | None) -> None:
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
            check_present(FOLDERS[given.benchmark], mirror)


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

    splits: dict[Split, list[Example]] = import_module(_known(kind)).build(settings)
    check_splits(kind, splits)
    return splits


def _known(kind: str) -> str:
    if kind not in BENCHMARKS:
        raise UserError(f"benchmark {kind!r}: unknown; expected one of {', '.join(BENCHMARKS)}")
    return BENCHMARKS[kind]
