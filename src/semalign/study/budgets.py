"""Checks that every searched method has the same budget, and that no setting is both given and searched."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from pydantic import BaseModel

from semalign.config.base import shown
from semalign.config.search import RATE
from semalign.config.signals import STAGES
from semalign.study.kinds import Method
from semalign.study.references import Check
from semalign.study.searches import HIGHEST, LOWEST, combinations, further_rates, grid_of, trial_name
from semalign.study.sections import Study
from semalign.study.variants import FIXED, unknown_key

SAME = "as in search.learning_rates (every method has the same budget)"


def search(study: Study) -> Iterator[str]:
    """Every searched method has the same number of trials, and sets none of the searched settings itself."""
    for name, settings in study.methods.items():
        if not settings.trained:
            yield from _expected_none(name, settings, f"{name} trains nothing")
        elif not study.search.learning_rates:
            yield from _without_search(name, settings)
        elif not settings.searched:
            yield from _fixed(name, settings)
        elif wrong := list(_wrong_keys(name, settings)):
            yield from wrong
        else:
            yield from _budget(study, name, settings)
            yield from _given_and_searched(study, name, settings)


def _wrong_keys(name: str, settings: Method) -> Iterator[str]:
    """Searched settings that do not exist, and lists of values without a choice; all else follows from these."""
    for key, values in settings.search.items():
        where = f"methods.{name}.search.{key}"
        if key.split(".")[0] not in STAGES and key != RATE and (problem := unknown_key(settings, key)):
            yield f"{where}: {problem}"
        elif len(values) < 2:
            yield f"{where}: found {shown(values)}, expected at least 2 of them"


def _expected_none(name: str, settings: Method, why: str, keys: tuple[str, ...] = ()) -> Iterator[str]:
    for key in keys or ("learning_rates", "search", "searched"):
        value = getattr(settings, key)
        if value != type(settings).model_fields[key].default:
            yield f"methods.{name}.{key}: found {shown(value)}, expected none, since {why}"


def _without_search(name: str, settings: Method) -> Iterator[str]:
    key = f"methods.{name}"
    if settings.learning_rates is not None:
        yield (
            f"{key}.learning_rates: found {shown(settings.learning_rates)} without search.learning_rates, expected as "
            f"many rates there, or {key}.{RATE} for a single rate without a search"
        )
    yield from _expected_none(name, settings, "search.learning_rates is empty", ("search", "searched"))


def _fixed(name: str, settings: Method) -> Iterator[str]:
    why = f"methods.{name}.searched is false"
    yield from _expected_none(name, settings, why, ("learning_rates", "search"))
    if not _is_given(settings, RATE):
        yield f"methods.{name}.{RATE}: found nothing, expected a learning rate, since {why}"


def _budget(study: Study, name: str, settings: Method) -> Iterator[str]:
    key, expected, grid = f"methods.{name}", len(study.search.learning_rates), grid_of(study, name)
    own = len(grid[RATE])
    if settings.search:
        others = math.prod(len(values) for rate, values in grid.items() if rate != RATE)
        if own * others != expected:
            yield (
                f"{key}.search: found {own} learning rates x {others} combinations of other settings = {own * others} "
                f"trials, expected {expected}, {SAME}; shorten {key}.learning_rates or the "
                "lists of values, or try more learning rates with all methods"
            )
    elif own != expected:
        yield f"{key}.learning_rates: found {own} of them, expected {expected}, {SAME}"


def _given_and_searched(study: Study, name: str, settings: Method) -> Iterator[str]:
    """Searched settings that are no single settings of the method, share a name, or have a value elsewhere too."""
    key, grid = f"methods.{name}", grid_of(study, name)
    for searched in settings.search:
        if searched == RATE:
            yield f"{key}.search.{searched}: found learning rates, expected them in {key}.learning_rates"
        elif searched.split(".")[0] in STAGES:
            yield (
                f"{key}.search.{searched}: found a setting of a signal stage, expected settings of the method itself; "
                "list the method twice with other `signals`, or ablate it"
            )
    names = [trial_name(values) for values in combinations(grid)]
    lasts = [searched.rsplit(".", 1)[-1] for searched in grid]
    if settings.search and (len(set(names)) < len(names) or len(set(lasts)) < len(lasts)):
        yield f"{key}.search: found settings or values of which two have the same name, expected names that differ"
    for searched in grid:
        chooses = "search.learning_rates" if searched == RATE else f"{key}.search"
        if searched not in FIXED and _is_given(settings, searched):
            value = _value(settings, searched)
            yield f"{key}.{searched}: found {shown(value)}, expected none, since {chooses} chooses it"
        for benchmark, changes in settings.by_benchmark.items():
            if searched in changes:
                yield f"{key}.by_benchmark.{benchmark}: found {searched}, expected none, since {chooses} chooses it"


def widening(study: Study) -> Iterator[str]:
    """Learning rates beyond the grid need a grid with a step that two digits can express."""
    count = study.search.widen
    if count and not study.search.learning_rates:
        yield f"search.widen: found {count}, expected 0, since search.learning_rates is empty"
    for name in study.methods if count else ():
        if not (rates := grid_of(study, name).get(RATE)):
            continue
        own = "search" if rates is study.search.learning_rates else f"methods.{name}"
        further = further_rates(rates, count)
        alone = not study.methods[name].search and len(rates) != len(study.search.learning_rates)
        if alone or len(set(rates)) < len(rates):
            continue  # another check reports it
        if len(rates) < 2:
            why = "since search.widen continues the step between them"
            yield f"{own}.learning_rates: found one rate, expected at least two, {why}"
        elif not _rises([*further[LOWEST][::-1], *sorted(rates), *further[HIGHEST]]):
            why = "since search.widen continues them with rates of two digits"
            yield f"{own}.learning_rates: found {shown(rates)}, expected larger steps, {why}"


def _rises(rates: list[float]) -> bool:
    return all(lower < higher for lower, higher in pairwise(rates))


def _is_given(section: Any, key: str) -> bool:
    """Whether a file sets a dotted key."""
    for part in key.split("."):
        if not isinstance(section, BaseModel) or part not in section.model_fields_set:
            return False
        section = getattr(section, part)
    return True


def _value(section: Any, key: str) -> Any:
    for part in key.split("."):
        section = getattr(section, part)
    return section


CHECKS: tuple[Check, ...] = (search, widening)
