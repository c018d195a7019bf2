"""The trials of every search: all combinations of the searched settings, and learning rates beyond the grid.

A trial is named after its values, learning rate first: `learning_rate~0.01+rank~4`.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

from semalign.config.cells import DEFAULT, variant_name
from semalign.config.search import RATE
from semalign.study.sections import Study
from semalign.study.variants import variants_of

Values = dict[str, Any]  # dotted key -> value
LOWEST, HIGHEST = "lowest", "highest"  # the ends of a grid


def rates_of(study: Study, method: str) -> list[float]:
    """Return the learning rates that the search tries for a method; empty if it is not searched."""
    settings = study.methods[method]
    if not (settings.trained and settings.searched and study.search.learning_rates):
        return []
    return settings.learning_rates or study.search.learning_rates


def grid_of(study: Study, method: str, variant: str = DEFAULT) -> dict[str, list[Any]]:
    """Return dotted key -> values that a search tries, learning rate first; a variant does not search its own key."""
    rates = rates_of(study, method)
    if not rates:
        return {}
    grid = {RATE: rates, **dict(sorted(study.methods[method].search.items()))}
    fixed = variants_of(study, method)[variant] if variant != DEFAULT else ()
    return {key: values for key, values in grid.items() if key not in fixed}


def fixed_of(study: Study, method: str, variant: str) -> list[str]:
    """Return the searched keys of a method that a variant sets itself."""
    own = grid_of(study, method, variant)
    return [key for key in grid_of(study, method) if key not in own]


def trials_of(study: Study, method: str, variant: str = DEFAULT) -> dict[str, Values]:
    """Return trial name -> changed dotted keys, in order of the values; empty if a variant has no own search."""
    grid = grid_of(study, method, variant)
    if not grid or not _has_own(study, variant):
        return {}
    changes = variants_of(study, method)[variant]
    return {trial_name(values): {**changes, **values} for values in combinations(grid)}


def further_trials(study: Study, method: str, variant: str = DEFAULT) -> dict[str, dict[str, Values]]:
    """Return, for each end of the grid, trial name -> changed keys of the trials that may follow beyond it."""
    grid = grid_of(study, method, variant)
    if RATE not in grid or not _has_own(study, variant):
        return {LOWEST: {}, HIGHEST: {}}
    changes = variants_of(study, method)[variant]
    return {
        end: {trial_name(values): {**changes, **values} for values in combinations({**grid, RATE: rates})}
        for end, rates in further_rates(grid[RATE], study.search.widen).items()
    }


def searched_variant(study: Study, method: str, variant: str) -> str | None:
    """Return the variant whose search gives this one its searched settings: itself, the default, or None."""
    if not grid_of(study, method, variant):
        return None
    return variant if study.ablations.search else DEFAULT


def combinations(grid: dict[str, Sequence[Any]] | dict[str, list[Any]]) -> Iterator[Values]:
    """Yield every combination of values, the first key slowest."""
    for values in itertools.product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def trial_name(values: Values) -> str:
    """Return the name of a trial, e.g. `learning_rate~0.01+rank~4`."""
    return "+".join(variant_name(key, value) for key, value in values.items())


def further_rates(rates: Sequence[float], count: int) -> dict[str, list[float]]:
    """Return at most `count` learning rates beyond each end of a grid, the nearest first; none above 1.

    The ratio of each to the one before is that of the two outermost learning rates of the grid. Each is rounded to two
    digits, since it names a folder. A grid with a single learning rate has no ratio, and nothing beyond; nor is there a
    rate that is too small to be distinguished from 0.
    """
    if len(rates) < 2:
        return {LOWEST: [], HIGHEST: []}
    ordered = sorted(rates)
    ends = {LOWEST: (ordered[0], ordered[1]), HIGHEST: (ordered[-1], ordered[-2])}
    steps = range(1, count + 1)
    found = {
        end: [float(f"{_continued(last, inner, n):.2g}") for n in steps]
        for end, (last, inner) in ends.items()
    }
    return {end: [rate for rate in further if 0 < rate <= 1] for end, further in found.items()}


def _continued(last: float, inner: float, count: int) -> float:
    """The rate `count` steps beyond the last one; infinite if no number is as large."""
    try:
        return last * (last / inner) ** count
    except OverflowError:
        return math.inf


def _has_own(study: Study, variant: str) -> bool:
    """Whether a variant is searched itself; otherwise it uses what was chosen for the default."""
    return variant == DEFAULT or study.ablations.search
