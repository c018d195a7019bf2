"""Numbers of examples that settings ask for, against the sizes of the splits."""

from pathlib import Path
from typing import Any

from semalign.benchmarks.own import SHARES
from semalign.config.base import Split
from semalign.config.benchmarks import FileBenchmark, Mixture, RealBenchmark, base_of
from semalign.config.checks import Size
from semalign.config.signals import stages_before
from semalign.config.tiny import TinyBenchmark
from semalign.study.definition import Study
from semalign.study.variants import at_benchmark, axes_key, resolve, variants_of

EXAMPLES = "optimisation.examples"


def problems_of(study: Study) -> list[str]:
    """A line per setting that asks for more examples than a split has, as far as the config and own files tell."""
    read = {name for pair in study.pairs.values() for name in pair.benchmarks or study.benchmarks}
    return [
        line
        for name in study.benchmarks
        if name in read
        for size in sizes_needed(study, name)
        if (known := size_of(study, name, size.split)) is not None
        for line in size.problems(known, name)
    ]


def sizes_needed(study: Study, benchmark: str) -> list[Size]:
    """The numbers of examples that the methods and signals of a study read of one benchmark's splits."""
    sizes: dict[tuple[str, int, str], Size] = {}
    for method in study.methods:
        for variant in variants_of(study, method):
            for size in _sizes_of(study, method, variant, benchmark):
                sizes[size.split, size.examples, size.key] = size
    return list(sizes.values())


def size_of(study: Study, benchmark: str, split: Split) -> int | None:
    """The largest size that a split can have, or None if only its source tells."""
    section = study.benchmarks[base_of(study.benchmarks, benchmark)]
    if isinstance(section, Mixture):
        sizes = [size_of(study, part, split) for part in section.parts]
        return None if None in sizes else sum(size for size in sizes if size is not None)
    if isinstance(section, TinyBenchmark | FileBenchmark | RealBenchmark) and getattr(section, split):
        return int(getattr(section, split))
    return _share_of(section, split) if isinstance(section, FileBenchmark) else None


def _share_of(section: FileBenchmark, split: Split) -> int | None:
    """The size of a split that is a share of the rows of a file, or the rest; repeated rows would make it smaller."""
    if split == "test" and section.test_path:
        return _rows_of(section.test_path)
    rows = _rows_of(section.path)
    if rows is None:
        return None
    if split in SHARES:
        return _share(rows, split)
    others = [each for each in SHARES if not (each == "test" and section.test_path)]
    return max(1, rows - sum(getattr(section, each) or _share(rows, each) for each in others))


def _share(rows: int, split: Split) -> int:
    return max(1, round(SHARES[split] * rows))


def _rows_of(path: str) -> int | None:
    """The rows of a file; None if it can't be read, which another check says."""
    try:
        lines = Path(path).expanduser().read_bytes().splitlines()
    except OSError:
        return None
    return sum(bool(line.strip()) for line in lines)


def _sizes_of(study: Study, method: str, variant: str, benchmark: str) -> list[Size]:
    settings, signals = resolve(study, method, variant)
    if benchmark in study.methods[method].by_benchmark:
        settings = at_benchmark(study, method, variants_of(study, method)[variant], benchmark)
    where = f"methods.{method}"
    sizes = []
    if batch := getattr(settings, "align_batch", None):
        sizes.append(Size(split="align", examples=batch, key=f"{where}.align_batch"))
    optimisation: Any = getattr(settings, "optimisation", None)
    if examples := getattr(optimisation, "examples", None):
        sizes.append(
            Size(split="train", examples=examples, key=_key_of(study, method, variant, benchmark, EXAMPLES))
        )
    read = {stage for need in settings.needs for stage in (*stages_before(need), need)}
    if "attribution" in read and signals.attribution.examples:
        sizes.append(Size(split="extract", examples=signals.attribution.examples, key="attribution.examples"))
    return sizes


def _key_of(study: Study, method: str, variant: str, benchmark: str, key: str) -> str:
    """Where the config sets a value that a variant of a method has on a benchmark."""
    if key in variants_of(study, method)[variant]:
        return f"{axes_key(study, method)}.{key}"
    where = f"methods.{method}"
    own = key in study.methods[method].by_benchmark.get(benchmark, {})
    return f"{where}.by_benchmark.{benchmark}.{key}" if own else f"{where}.{key}"
