"""Shares of wrong answers that are no example, or the same examples as another share, as far as the config tells."""

from collections.abc import Iterator

from semalign.config.benchmarks import Corrupted, Mixture, base_of
from semalign.config.tiny import TinyBenchmark
from semalign.study.definition import Study
from semalign.study.sizes import size_of


def problems_of(study: Study) -> Iterator[str]:
    """A line per share of a train split that rounds to no example of a part, or to those of another benchmark."""
    seen: dict[tuple[object, ...], str] = {}
    for name, section in study.benchmarks.items():
        if not isinstance(section, Corrupted):
            continue
        counts = _counts(study, name, section.corrupted)
        key = f"benchmarks.{name}.corrupted: found {section.corrupted:g}"
        for part, (size, wrong) in counts.items():
            if wrong == 0:
                yield f"{key}, which is none of the {size} examples of {part}; expected a larger share"
        exact = all(isinstance(study.benchmarks[part], TinyBenchmark) for part in counts)
        wrong_of = tuple(wrong for _, wrong in counts.values())
        other = seen.setdefault((section.of, section.seed, wrong_of), name) if exact and counts else name
        if other != name and study.benchmarks[other] != section:
            yield f"{key}, which is as many examples as that of benchmarks.{other}; expected another share or seed"


def _counts(study: Study, name: str, share: float) -> dict[str, tuple[int, int]]:
    """Part -> its largest possible size and the examples with a wrong answer; without parts of unknown size."""
    base = study.benchmarks[base_of(study.benchmarks, name)]
    parts = base.parts if isinstance(base, Mixture) else [base_of(study.benchmarks, name)]
    sizes = {part: size_of(study, part, "train") for part in parts}
    return {part: (size, round(share * size)) for part, size in sizes.items() if size is not None}
