"""Checks that methods which are compared are trained on the same benchmarks, and that a pair is trained on these."""

from collections.abc import Iterable, Iterator

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


def own_benchmarks(study: Study) -> Iterator[str]:
    """Benchmarks of single methods that no pair is trained on."""
    trained = [name for pair in study.pairs.values() for name in pair.benchmarks or study.benchmarks]
    for name, settings in study.methods.items():
        for benchmark in settings.benchmarks or () if study.pairs else ():
            if benchmark in study.benchmarks and benchmark not in trained:
                yield (
                    f"methods.{name}.benchmarks: found {benchmark!r}, which no pair is trained on; expected "
                    f"{one_of(None, dict.fromkeys(trained))}"
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
    """Rungs that are alone on all benchmarks of the ladder."""
    section = study.analysis.ladder
    if not study.pairs or len(section.rungs) < 2 or not _known(study, section.rungs):
        return
    places = {rung: places_of(study, rung) for rung in section.rungs}
    if section.benchmarks:
        places = {rung: {at for at in own if at[1] in section.benchmarks} for rung, own in places.items()}
    for rung, own in places.items() if all(places.values()) else ():
        others = set().union(*(there for other, there in places.items() if other != rung))
        if own.isdisjoint(others):
            yield (
                f"analysis.ladder.rungs: found {rung!r}, which is trained on no benchmark of another rung; expected "
                "methods that are trained on the same ones"
            )


def geometry(study: Study) -> Iterator[str]:
    """The analysis of the paper's targets on a benchmark without any trained method."""
    benchmark = study.analysis.geometry.benchmark
    if not study.pairs or benchmark not in study.benchmarks:
        return
    places = [places_of(study, name) for name, settings in study.methods.items() if settings.trained]
    if all(benchmark not in [at for _, at in own] for own in places):
        yield f"analysis.geometry.benchmark: found {benchmark!r}, on which no method is trained; expected one with some"


def _known(study: Study, names: Iterable[str]) -> bool:
    return all(name in study.methods for name in names)


CHECKS: tuple[Check, ...] = (own_benchmarks, contrasts, ladder, geometry)
