"""Checks that what one section of a study names is in another section, and that settings of sections agree."""

from collections.abc import Callable, Iterable, Iterator

from semalign.config.base import shown
from semalign.config.benchmarks import Derived, Mixture, Unlabeled, without_derived
from semalign.config.evaluation import SAMPLED
from semalign.config.pruning import check_source
from semalign.runtime.suggestions import one_of
from semalign.study.sections import Study

Check = Callable[[Study], Iterator[str]]


def known(key: str, names: Iterable[str], section: Iterable[str]) -> Iterator[str]:
    """Yield a problem of `key` for every name that is not in a section."""
    section = list(section)
    for name in names:
        if name not in section:
            yield f"{key}: found {name!r}, expected {one_of(name, section)}"


def pairs(study: Study) -> Iterator[str]:
    """The models and benchmarks of pairs, and of models that are pruned from others."""
    for name, pair in study.pairs.items():
        yield from known(f"pairs.{name}.teacher", [pair.teacher], study.models)
        yield from known(f"pairs.{name}.student", [pair.student], study.models)
        yield from known(f"pairs.{name}.benchmarks", pair.benchmarks or [], study.benchmarks)
    for name, model in study.models.items():
        yield from check_source(f"models.{name}", model, study.models, study.benchmarks)


def mixtures(study: Study) -> Iterator[str]:
    """The parts of mixtures, which must be plain benchmarks."""
    others = Mixture | Derived
    plain = [name for name, section in study.benchmarks.items() if not isinstance(section, others)]
    for name, benchmark in study.benchmarks.items():
        yield from known(f"benchmarks.{name}.parts", getattr(benchmark, "parts", []), plain)


def derived(study: Study) -> Iterator[str]:
    """What derived benchmarks are made from: benchmarks that are not derived themselves, and models."""
    names = without_derived(study.benchmarks)
    for name, section in study.benchmarks.items():
        key = f"benchmarks.{name}"
        if isinstance(section, Derived):
            yield from known(f"{key}.of", [section.of], names)
        if isinstance(section, Unlabeled):
            yield from known(f"{key}.answered_by", [section.answered_by], study.models)


def methods(study: Study) -> Iterator[str]:
    """The methods that every table compares with, and those in contrasts and ablations."""
    kinds = [settings.method for settings in study.methods.values()]
    for kind in ("student", "teacher"):
        if study.pairs and kind not in kinds:
            yield f"methods: found no {kind}, expected `{kind}: {{}}`, since every table compares with it"
        if kinds.count(kind) > 1:
            names = [name for name, settings in study.methods.items() if settings.method == kind]
            yield f"methods: found {' and '.join(names)}, expected one method {kind}"
    for number, contrast in enumerate(study.contrasts):
        yield from known(f"contrasts[{number}]", contrast, study.methods)
    ablations = study.ablations
    if ablations.axes or "method" in ablations.model_fields_set:
        yield from known("ablations.method", [ablations.method], study.methods)
    if ablations.method in ablations.others:
        yield f"ablations.others: found {ablations.method!r}, expected its axes in ablations.axes"
    yield from known("ablations.others", ablations.others, study.methods)


def analyses(study: Study) -> Iterator[str]:
    """The models, methods and benchmarks of the analyses."""
    decomposition = study.analysis.decomposition
    yield from known("analysis.decomposition.models", decomposition.models, study.models)
    if decomposition.models or decomposition.prompts:
        sources = dict.fromkeys([*study.benchmarks, "humaneval"])
        if not decomposition.prompts:
            yield f"analysis.decomposition.prompts: found nothing, expected {one_of(None, sources)}"
        else:
            yield from known("analysis.decomposition.prompts", [decomposition.prompts], sources)
    yield from known("analysis.similarity.methods", study.analysis.similarity.methods, study.methods)
    ladder = study.analysis.ladder
    yield from known("analysis.ladder.rungs", ladder.rungs, study.methods)
    yield from known("analysis.ladder.benchmarks", ladder.benchmarks, study.benchmarks)
    if reference := study.analysis.displacement.reference:
        yield from known("analysis.displacement.reference", [reference], study.methods)
    for section in ("similarity", "displacement", "geometry"):
        if benchmark := getattr(study.analysis, section).benchmark:
            yield from known(f"analysis.{section}.benchmark", [benchmark], study.benchmarks)


def evaluation(study: Study) -> Iterator[str]:
    """The benchmarks with settings of their own; all have the protocol, and those in `samples` are sampled."""
    settings = study.evaluation
    protocol = settings.protocol
    names = without_derived(study.benchmarks)
    yield from known("evaluation.max_new_tokens", settings.max_new_tokens, names)
    yield from known("evaluation.samples", settings.samples, names)
    if settings.split == "train" and len(names) < len(study.benchmarks):
        changed = next(name for name in study.benchmarks if name not in names)
        yield f"evaluation.split: found 'train', whose answers benchmark {changed} changes; expected another split"
    for name in names:
        benchmark = study.benchmarks[name]
        published = getattr(benchmark, "benchmark", None)
        if protocol != "paper" and not published and not isinstance(benchmark, Mixture):
            yield (
                f"evaluation.protocol: found {protocol!r}, which benchmark {name} does not have; expected 'paper'"
            )
        if name in settings.samples and published not in SAMPLED[protocol]:
            yield (
                f"evaluation.samples.{name}: found {settings.samples[name]}, expected no entry, since protocol "
                f"{protocol!r} does not sample its answers"
            )


def scores(study: Study) -> Iterator[str]:
    """The models and benchmarks to score, and those of published scores; the benchmarks have the protocols."""
    wanted = study.scores
    yield from known("scores.models", wanted.models, study.models)
    yield from known("scores.benchmarks", wanted.benchmarks, without_derived(study.benchmarks))
    for number, score in enumerate(wanted.published):
        yield from known(f"scores.published[{number}].model", [score.model], study.models)
        yield from known(f"scores.published[{number}].benchmark", [score.benchmark], study.benchmarks)
    names = without_derived(study.benchmarks)
    scored = [name for name in wanted.benchmarks or names if name in names]
    for name in scored if wanted.models else ():
        if set(wanted.protocols) - {"paper"} and not getattr(study.benchmarks[name], "benchmark", None):
            yield f"scores.protocols: found {wanted.protocols}, of which benchmark {name} has only 'paper'"


def by_benchmark(study: Study) -> Iterator[str]:
    """Settings for single benchmarks."""
    for name, settings in study.methods.items():
        yield from known(f"methods.{name}.by_benchmark", settings.by_benchmark, study.benchmarks)


def own_benchmarks(study: Study) -> Iterator[str]:
    """The benchmarks of single methods; student and teacher, with which all are compared, have all."""
    for name, settings in study.methods.items():
        if settings.benchmarks is None:
            continue
        key = f"methods.{name}.benchmarks"
        yield from known(key, settings.benchmarks, study.benchmarks)
        if not settings.trained:
            found = shown(settings.benchmarks)
            yield f"{key}: found {found}, expected none, since {name} is compared with on all benchmarks"


CHECKS: tuple[Check, ...] = (
    pairs,
    mixtures,
    derived,
    methods,
    by_benchmark,
    own_benchmarks,
    evaluation,
    scores,
    analyses,
)
