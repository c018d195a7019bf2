"""Checks for settings that are valid one by one, but would make nothing, or the same thing twice."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from semalign.config.base import shown
from semalign.config.models import FolderModel
from semalign.runtime.suggestions import one_of
from semalign.study.references import Check
from semalign.study.sections import Study

HELD = ("dtype", "device_map")  # how a model is held in memory, whatever the model is


def repetitions(study: Study) -> Iterator[str]:
    """Lists with an entry that is in them twice: seeds, learning rates, benchmarks, parts, notebooks and so on."""
    yield from _repeated(study, "")


def _repeated(section: BaseModel, above: str) -> Iterator[str]:
    for name in type(section).model_fields:
        value, key = getattr(section, name), f"{above}{name}"
        entries = value.items() if isinstance(value, dict) else [("", value)]
        for inner, entry in entries:
            place = f"{key}.{inner}" if inner else key
            if isinstance(entry, BaseModel):
                yield from _repeated(entry, f"{place}.")
            elif isinstance(entry, list):
                yield from (
                    f"{place}: found {shown(one)} twice, expected it once"
                    for number, one in enumerate(entry)
                    if sum(_same(one, other) for other in entry[: number + 1]) == 2
                )


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same in a file; Python takes true for 1."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def contrasts(study: Study) -> Iterator[str]:
    """A method that is contrasted with itself, and a contrast that is there in the other direction too."""
    seen: list[frozenset[str]] = []
    for number, (one, other) in enumerate(study.contrasts):
        both = frozenset((one, other))
        if one == other:
            yield f"contrasts[{number}]: found {one!r} twice, expected two methods"
        elif both in seen and (one, other) not in study.contrasts[:number]:
            yield f"contrasts[{number}]: found [{one}, {other}], expected it in one direction only"
        seen.append(both)


def pairs(study: Study) -> Iterator[str]:
    """Pairs without benchmarks, of a model with itself, or that are there under another name."""
    names: dict[tuple[Any, ...], str] = {}
    for name, pair in study.pairs.items():
        key = f"pairs.{name}"
        if pair.benchmarks == []:
            yield f"{key}.benchmarks: found [], expected at least one benchmark, or no key for all of them"
        if pair.benchmarks is None and not study.benchmarks:
            yield f"{key}: found no benchmarks in the study, expected some under `benchmarks`"
        same = [_identity(study.models.get(model)) for model in (pair.teacher, pair.student)]
        if pair.teacher == pair.student:
            yield f"{key}.student: found {pair.student!r}, which is also the teacher; expected another model"
        elif None not in same and same[0] == same[1]:
            same_as = f"the same model as the teacher {pair.teacher!r}"
            yield f"{key}.student: found {pair.student!r}, which is {same_as}; expected another one"
        for benchmark in pair.benchmarks or study.benchmarks:
            models = [
                str(each) if each else which
                for each, which in zip(same, (pair.teacher, pair.student), strict=True)
            ]
            other = names.setdefault((*models, benchmark), name)
            if other != name:
                yield f"{key}: found teacher, student and benchmark {benchmark} of pairs.{other}, expected them once"
                break


def _identity(model: Any) -> Any:
    """What makes a model this one: the settings without how it is held in memory, and a folder's real path."""
    if model is None:
        return None
    settings = model.model_dump(exclude=set(HELD))
    if isinstance(model, FolderModel):
        settings["path"] = str(Path(model.path).expanduser().resolve())
    return settings


def analyses(study: Study) -> Iterator[str]:
    """Analyses with one half of their settings, or of benchmarks that no pair is trained on."""
    similarity = study.analysis.similarity
    if similarity.methods and not similarity.benchmark:
        yield "analysis.similarity.benchmark: found nothing, expected the benchmark that its methods are compared on"
    if similarity.benchmark and not similarity.methods:
        yield "analysis.similarity.methods: found nothing, expected the methods to compare"
    decomposition = study.analysis.decomposition
    for name in ("interfaces", "bases"):
        if not getattr(decomposition, name):
            yield f"analysis.decomposition.{name}: found [], expected at least one"
    for name in similarity.methods:
        if name in study.methods and not study.methods[name].trained:
            yield f"analysis.similarity.methods: found {name!r}, which trains nothing; expected trained methods"
    yield from _of_displacement(study)
    for section in ("similarity", "displacement", "geometry"):
        benchmark = getattr(study.analysis, section).benchmark
        if benchmark not in study.benchmarks:
            continue
        without = [
            name
            for name, pair in study.pairs.items()
            if benchmark not in (pair.benchmarks or study.benchmarks)
        ]
        if len(without) == len(study.pairs) or (without and section == "similarity"):
            which = f"pairs.{without[0]}" if without else "no pair"
            rest = "is not trained on" if without else "is in the study to train on"
            key = f"analysis.{section}.benchmark"
            yield f"{key}: found {benchmark!r}, which {which} {rest}; expected one that it is trained on"


def _of_displacement(study: Study) -> Iterator[str]:
    """A comparison of displacements without a benchmark, or without a trained method to compare with."""
    own, key = study.analysis.displacement, "analysis.displacement"
    if own.benchmark and not own.reference:
        trained = [name for name, settings in study.methods.items() if settings.trained]
        yield f"{key}.reference: found nothing, expected the method to compare with, {one_of(None, trained)}"
    if not own.benchmark and (own.reference or "count" in own.model_fields_set):
        yield f"{key}.benchmark: found nothing, expected the benchmark whose trained students are compared"
    if own.reference in study.methods and not study.methods[own.reference].trained:
        yield f"{key}.reference: found {own.reference!r}, which trains nothing; expected a trained method"
    elif own.reference in study.methods and own.benchmark in study.benchmarks:
        trained_on = study.methods[own.reference].benchmarks
        if trained_on is not None and own.benchmark not in trained_on:
            found = f"found {own.reference!r}, which is not trained on {own.benchmark}"
            yield f"{key}.reference: {found}; expected a method that is"


def ladder(study: Study) -> Iterator[str]:
    """A ladder without two rungs, or of benchmarks that no pair is trained on."""
    section = study.analysis.ladder
    if len(set(section.rungs)) == 1:
        yield f"analysis.ladder.rungs: found only {section.rungs[0]!r}, expected at least two methods to compare"
    if section.rungs and not study.pairs:
        yield "analysis.ladder.rungs: found methods in a study without pairs to train on; expected pairs, or no ladder"
    if section.benchmarks and not section.rungs:
        yield "analysis.ladder.rungs: found nothing, expected the methods to compare on analysis.ladder.benchmarks"
    trained = {name for pair in study.pairs.values() for name in pair.benchmarks or study.benchmarks}
    wanted = trained.intersection(section.benchmarks) if section.benchmarks else trained
    for name in section.rungs:
        own = study.methods[name].benchmarks if name in study.methods else None
        if own is not None and wanted.isdisjoint(own):
            yield f"analysis.ladder.rungs: found {name!r}, which is trained on none of its benchmarks; expected another"
    for name in section.benchmarks if study.pairs else ():
        if name in study.benchmarks and name not in trained:
            yield (
                f"analysis.ladder.benchmarks: found {name!r}, which no pair is trained on; expected one that a pair is "
                "trained on"
            )


def scores(study: Study) -> Iterator[str]:
    """Published scores, or benchmarks to score on, without a measured score."""
    wanted = study.scores
    models = [score.model for score in wanted.published]
    asked = wanted.benchmarks or wanted.published or "protocols" in wanted.model_fields_set
    if asked and not wanted.models:
        names = ", ".join(dict.fromkeys(models)) or "names in `models`"
        yield f"scores.models: found nothing, expected the models to score ({names})"
        return
    seen: dict[tuple[str, str, str], int] = {}
    for number, score in enumerate(wanted.published):
        key = f"scores.published[{number}]"
        if score.protocol not in wanted.protocols:
            yield f"{key}.protocol: found {score.protocol!r}, which is not in scores.protocols; expected one that is"
        other = seen.setdefault((score.model, score.benchmark, score.protocol), number)
        if other != number:
            yield f"{key}: found model, benchmark and protocol of scores.published[{other}], expected them once"
        if score.model in study.models and score.model not in wanted.models:
            yield f"{key}.model: found {score.model!r}, which is not in scores.models; expected a model that is scored"
        if (
            wanted.benchmarks
            and score.benchmark in study.benchmarks
            and score.benchmark not in wanted.benchmarks
        ):
            name = score.benchmark
            yield f"{key}.benchmark: found {name!r}, which is not in scores.benchmarks; expected one that is scored"


def ablations(study: Study) -> Iterator[str]:
    """Axes without values."""
    section = study.ablations
    axes = {
        "ablations.axes": section.axes,
        **{f"ablations.others.{name}": own for name, own in section.others.items()},
    }
    for key, varied in axes.items():
        for axis, values in varied.items():
            if not values:
                yield f"{key}.{axis}: found [], expected at least one value"


def methods(study: Study) -> Iterator[str]:
    """Trained methods that are there under two names, whose results would be equal; and titles that are there twice."""
    names: dict[str, str] = {}
    titles: dict[str, str] = {}
    rungs = study.analysis.ladder.rungs
    for name, settings in study.methods.items():
        if settings.title and titles.setdefault(settings.title, name) != name:
            yield f"methods.{name}.title: found {settings.title!r}, the title of methods.{titles[settings.title]}"
        if settings.rung and not settings.trained:
            yield f"methods.{name}.rung: found true, expected false, since every table compares with {name}"
        elif settings.rung and name not in rungs and all(rung in study.methods for rung in rungs):
            yield f"methods.{name}.rung: found true, expected the method in analysis.ladder.rungs, its only table"
        other = names.setdefault(settings.model_dump_json(exclude={"title", "rung"}), name)
        if other != name and settings.trained:
            yield f"methods.{name}: found the settings of methods.{other}, expected another value of at least one"


def evaluation(study: Study) -> Iterator[str]:
    """Scores on the split that the learning rates are chosen on."""
    if study.evaluation.split == "validation" and study.search.learning_rates and study.pairs:
        yield (
            "evaluation.split: found 'validation', on which search.learning_rates chooses, so that scores would be too "
            "high; expected another split, or no search"
        )


def export(study: Study) -> Iterator[str]:
    """A ranking or an export of a study that trains nothing, or scores on the split that the ranking is made on."""
    trained = study.pairs and any(own.trained and not own.rung for own in study.methods.values())
    for key in ("ranking", "at_end", "merged", "gguf"):
        value = getattr(study.export, key)
        if value and not trained:
            yield f"export.{key}: found {shown(value)} in a study that trains no method; expected one, or no such key"
    if study.evaluation.split == "validation" and (study.export.ranking or study.export.at_end):
        yield (
            "evaluation.split: found 'validation', on which export.ranking chooses, so that scores would be too high; "
            "expected another split, or no ranking"
        )


def tracking(study: Study) -> Iterator[str]:
    """Settings of a tracker without one."""
    given = sorted(study.tracking.model_fields_set - {"to"})
    if given and study.tracking.to == "none":
        yield f"tracking.{given[0]}: found {shown(getattr(study.tracking, given[0]))} without tracking.to, expected one"


CHECKS: tuple[Check, ...] = (
    repetitions,
    contrasts,
    pairs,
    methods,
    evaluation,
    scores,
    ablations,
    export,
    tracking,
)
# checks of what is trained where
OF_PLACES: tuple[Check, ...] = (analyses, ladder)


def makes_nothing(study: Study) -> Iterator[str]:
    """A study that asks for no cell, no score and no analysis."""
    cells = study.pairs and study.benchmarks and study.methods
    if cells or study.scores.models or study.analysis.decomposition.models:
        return
    present = [name for name in ("models", "pairs", "benchmarks", "methods") if getattr(study, name)]
    yield (
        f"study: found {study.study!r} with {', '.join(present) or 'nothing else'}, which makes nothing; expected "
        "pairs with benchmarks and methods, or scores.models, or analysis.decomposition.models (to rename the default "
        "study, add `--configfile config/config.yaml`)"
    )
