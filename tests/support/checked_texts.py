"""Benchmarks of a few rows for the checks before training, and the call of the stage."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from semalign.benchmarks.base import Example, write_split
from semalign.config.base import SPLITS
from semalign.evaluation.readiness.stage import TEXTS, check_texts
from semalign.runtime.files import read_json, write_json
from semalign.runtime.provenance import Run

PLAIN = [Example(f"row-{at}", f"What is {at}?\nAnswer:", f" {at} and", target=f"{at} and") for at in range(4)]


def write_benchmark(folder: Path, examples: Sequence[Example], name: str = "mine") -> Path:
    """Write a sealed benchmark; every split has the same rows, except that only validation and test have the last."""
    target = folder / name
    target.mkdir(parents=True)
    for split in SPLITS:
        scored = split in ("validation", "test")
        rows = list(examples) if scored else [*examples[:-1]] or list(examples)
        write_split(target, split, rows)
    Run("benchmark").seal(target)
    return target


def check(
    folder: Path, models: Sequence[Path], examples: Sequence[Example], name: str = "mine", **settings: Any
) -> dict[str, Any]:
    """Run the stage on a pair, or on one model, and return what it writes."""
    benchmark = write_benchmark(folder / "benchmark", examples, name)
    evaluation = {"sandbox": {"allow_weak_isolation": True}, **settings.pop("evaluation", {})}
    own = {"too_long": {name: "refuse"}, "unreachable": {name: "refuse"}, "scored": ["validation", "test"]}
    write_json(folder / "settings.json", own | settings | {"evaluation": evaluation})
    roles = ("teacher", "student") if len(models) > 1 else ("model",)
    given: Any = dict(zip(roles, models, strict=True))
    check_texts(benchmark, folder / "settings.json", folder / "out", **given)
    report: dict[str, Any] = read_json(folder / "out" / TEXTS)
    return report
