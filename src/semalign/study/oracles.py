"""The students that oracles read: trained by another method of the study, with a seed that is not the study's."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from semalign.config.base import shown
from semalign.config.cells import DEFAULT, Cell
from semalign.runtime.suggestions import one_of
from semalign.study.definition import Study
from semalign.study.meetings import places_of
from semalign.study.variants import resolve, source_of, variants_of

STAGE = "oracle"


def student_of(pair: str, benchmark: str, settings: Mapping[str, Any]) -> Cell:
    """Return the cell whose trained student an oracle with these settings reads; it is not scored."""
    return Cell(pair, benchmark, settings["of"], DEFAULT, settings["seed"])


def cells_behind(folders: Iterable[str], settings: Mapping[str, Any]) -> list[Cell]:
    """Return the cells that the oracle folders `.../signals/<pair>/<benchmark>/oracle/<name>` are read from.

    `settings` are those of the study's layout.
    """
    parts = (folder.split("/")[-4:] for folder in folders)
    return [student_of(pair, benchmark, settings[f"{STAGE}/{name}"]) for pair, benchmark, _, name in parts]


def problems_of(study: Study, method: str) -> Iterator[str]:
    """Yield a line per variant of a method whose oracle can't be read, or is one of the study's own students."""
    for variant in variants_of(study, method):
        settings, signals = resolve(study, method, variant)
        if STAGE not in settings.needs:
            continue
        of, seed = signals.oracle.of, signals.oracle.seed
        where = places_of(study, method)
        trained = [
            name for name, other in study.methods.items() if other.trained and STAGE not in other.needs
        ]
        key = source_of(study, method, variant, "oracle.of")
        if of not in trained:
            yield f"{key}: found {of!r}, expected {one_of(of, trained)}"
        elif not where <= places_of(study, of):
            yield f"{key}: found {of!r}, expected a method that is trained on all benchmarks of methods.{method}"
        seeds = list(dict.fromkeys((*study.seeds, *study.ablations.seeds)))
        if seed in seeds:
            key = source_of(study, method, variant, "oracle.seed")
            yield f"{key}: found {seed}, expected none of the study's seeds {shown(seeds)}"
