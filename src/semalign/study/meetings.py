"""Checks that methods which are compared are trained on the same benchmarks, and that a pair is trained on these."""

from collections.abc import Iterable, Iterator
from typing import Any

from semalign.config.base import shown
from semalign.runtime.suggestions import one_of
from semalign.study.references import Check
from semalign.study.sections import Study


def places_of(study: Study, method: str) -> set[tuple[str, str]]:
    """The pairs and benchmarks at which a method is trained or, if it trains nothing, scored."""
    own = study.methods[method].benchmarks
    return {
        (pair, benchmark)
        for pair, section in study.pairs.items()
        for benchmark in section.benchmarks or study.benchmarks
        if own is None or benchmark in own
    }


def with_known_places(study: Study) -> Study:
    """Return the study with all benchmarks in place of each list of benchmarks that names an unknown one.

    The unknown name is a problem that is told anyway, and what is trained where can't be known before it is mended.
    """

    def anywhere(entry: Any, every: Any) -> Any:
        known = set(entry.benchmarks or ()) <= set(study.benchmarks)
        return entry if known else entry.model_copy(update={"benchmarks": every})

    analysis = study.analysis
    return study.model_copy(
        update={
            "pairs": {name: anywhere(pair, None) for name, pair in study.pairs.items()},
            "methods": {name: anywhere(method, None) for name, method in study.methods.items()},
            "analysis": analysis.model_copy(update={"ladder": anywhere(analysis.ladder, [])}),
        }
    )


def own_benchmarks(study: Study) -> Iterator[str]:
    """Benchmarks of single methods that no pair is trained on, and settings for benchmarks of other methods."""
    trained = _trained(study)
    for name, settings in study.methods.items():
        for benchmark in settings.benchmarks or () if study.pairs else ():
            if benchmark in study.benchmarks and benchmark not in trained:
                yield (
                    f"methods.{name}.benchmarks: found {benchmark!r}, which no pair is trained on; expected "
                    f"{one_of(None, trained)}"
                )
        for benchmark in settings.by_benchmark:
            key, own = f"methods.{name}.by_benchmark", settings.benchmarks
            if study.pairs and benchmark in study.benchmarks and benchmark not in trained:
                yield f"{key}: found {benchmark!r}, which no pair is trained on; expected {one_of(None, trained)}"
            elif own is not None and benchmark in study.benchmarks and benchmark not in own:
                yield f"{key}: found {benchmark!r}, expected {one_of(None, own)}, as in methods.{name}.benchmarks"


def similarity(study: Study) -> Iterator[str]:
    """Methods that are compared on a benchmark which they are not trained on."""
    compared = study.analysis.similarity
    for name in compared.methods:
        own = study.methods[name].benchmarks if name in study.methods else None
        if own is not None and compared.benchmark in study.benchmarks and compared.benchmark not in own:
            yield (
                f"analysis.similarity.methods: found {name!r}, which is not trained on {compared.benchmark}; expected "
                "methods that are"
            )


def contrasts(study: Study) -> Iterator[str]:
    """Contrasts of two methods that are never trained on the same benchmark."""
    for number, sides in enumerate(study.contrasts):
        if (
            study.pairs
            and _known(study, sides)
            and not set.intersection(*(places_of(study, side) for side in sides))
        ):
            yield (
                f"contrasts[{number}]: found {shown(list(sides))}, which are trained on no common benchmark; expected "
                "methods that are"
            )


def ladder(study: Study) -> Iterator[str]:
    """Rungs that are alone on all benchmarks of the ladder, and its benchmarks that have no two rungs."""
    section = study.analysis.ladder
    if not study.pairs or len(section.rungs) < 2 or not _known(study, section.rungs):
        return
    places = {rung: places_of(study, rung) for rung in section.rungs}
    if section.benchmarks:
        places = {rung: {at for at in own if at[1] in section.benchmarks} for rung, own in places.items()}
    if not all(places.values()):
        return  # another check names these rungs
    alone = [
        rung
        for rung, own in places.items()
        if all(own.isdisjoint(there) for other, there in places.items() if other != rung)
    ]
    for rung in alone:
        yield (
            f"analysis.ladder.rungs: found {rung!r}, which is trained on no benchmark of another rung; expected "
            "methods that are trained on the same ones"
        )
    for name in section.benchmarks if not alone else ():
        rungs = [rung for rung, own in places.items() if name in [benchmark for _, benchmark in own]]
        if len(rungs) < 2 and name in _trained(study):
            which = f"on which {rungs[0]} is the only rung" if rungs else "on which no rung is trained"
            yield f"analysis.ladder.benchmarks: found {name!r}, {which}; expected benchmarks of at least two rungs"


def geometry(study: Study) -> Iterator[str]:
    """The analysis of the paper's targets on a benchmark without any trained method."""
    benchmark = study.analysis.geometry.benchmark
    if not study.pairs or benchmark not in study.benchmarks:
        return
    places = [places_of(study, name) for name, settings in study.methods.items() if settings.trained]
    if all(benchmark not in [at for _, at in own] for own in places):
        yield f"analysis.geometry.benchmark: found {benchmark!r}, on which no method is trained; expected one with some"


def _trained(study: Study) -> list[str]:
    """The benchmarks that pairs are trained on."""
    every = (name for pair in study.pairs.values() for name in pair.benchmarks or study.benchmarks)
    return list(dict.fromkeys(every))


def _known(study: Study, names: Iterable[str]) -> bool:
    return all(name in study.methods for name in names)


CHECKS: tuple[Check, ...] = (own_benchmarks, contrasts, similarity, ladder, geometry)
