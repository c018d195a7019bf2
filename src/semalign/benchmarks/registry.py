"""The benchmarks that the code itself can draw; adding one is one line here and one file."""

from importlib import import_module
from typing import TYPE_CHECKING

from semalign.errors import UserError

if TYPE_CHECKING:
    from semalign.benchmarks.base import Example, Split
    from semalign.config.tiny import TinyBenchmark

BENCHMARKS: dict[str, str] = {
    "facts": "semalign.benchmarks.facts",
    "arithmetic": "semalign.benchmarks.arithmetic",
    "completion": "semalign.benchmarks.completion",
    "synthesis": "semalign.benchmarks.synthesis",
}


def build_benchmark(kind: str, settings: "TinyBenchmark") -> "dict[Split, list[Example]]":
    """All splits of the benchmark `kind`, checked to be non-empty and free of overlap.

    Raises UserError for an unknown kind, an empty split, or an item in two splits.
    """
    from semalign.benchmarks.overlap import check_splits

    if kind not in BENCHMARKS:
        raise UserError(f"benchmark {kind!r}: unknown; expected one of {', '.join(BENCHMARKS)}")
    splits: dict[Split, list[Example]] = import_module(BENCHMARKS[kind]).build(settings)
    check_splits(kind, splits)
    return splits
