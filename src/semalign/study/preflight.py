"""Checks of a study's names, settings, models and texts before any long work starts, from files alone.

Each check yields one line per problem. All of them run, so that a user sees all problems at once.
"""

from collections.abc import Callable, Iterator, Sequence

from semalign.benchmarks.decoding import user_path
from semalign.benchmarks.registry import BENCHMARKS, PUBLISHED, check_sources
from semalign.config.base import shown
from semalign.config.benchmarks import FileBenchmark
from semalign.config.cells import DEFAULT
from semalign.config.extending import Config
from semalign.config.revisions import LOCKED, not_pinned
from semalign.config.signals import STAGES
from semalign.config.tiny import TinyBenchmark
from semalign.evaluation.protocols import TASKS, task_names
from semalign.runtime.errors import Problems, UserError
from semalign.runtime.suggestions import hint, names_in, one_of
from semalign.signals.semantics.registry import MAPS, check_top
from semalign.study import effects, oracles, printed, same_texts, shares, sizes
from semalign.study.definition import Study, problems_of
from semalign.study.layout import Layout
from semalign.study.measures import Measures, check_notebooks
from semalign.study.model_checks import check_models, check_projections
from semalign.study.naming import LONGEST_PART
from semalign.study.searches import trials_of
from semalign.study.sense import makes_nothing
from semalign.study.variants import (
    at_benchmark,
    axes_key,
    changed,
    resolve,
    signal_name,
    source_of,
    variants_of,
)

Check = Callable[[Study], Iterator[str]]


def check_study(study: Study) -> None:
    """Check all names against the registries, the settings of every variant, and the models and texts.

    Raises UserError with everything that a later stage could not use.
    """
    problems = Problems()
    for check in CHECKS:
        with problems.collect():
            for line in check(study):
                problems.add(line)
    problems.check()


def checked(study: Study, whole: bool = True) -> tuple[Layout, Measures]:
    """Make all checks of a study, of its layout and of its notebooks; return its artifacts and what it measures.

    With `whole`, the study must also make something. Raises UserError with all problems.
    """
    problems = Problems()
    if whole:
        problems.add(*makes_nothing(study))
    with problems.collect():
        check_study(study)
    problems.check()
    layout, measures = planned(study)
    problems.add(*check_notebooks(measures))
    problems.check()
    return layout, measures


def told_of(config: Config) -> Sequence[str] | None:
    """Return the problems of a config that `checked` tells; None if it has others."""
    return problems_of(config, lambda study: checked(study, whole=False))


def planned(study: Study) -> tuple[Layout, Measures]:
    """Return the artifacts of a study and what it measures, without checks."""
    layout = Layout(study)
    return layout, Measures(layout)


def check_pinned(study: Study) -> None:
    """Raise UserError if a hub model of the study has no pinned commit."""
    if repositories := unpinned(study):
        raise UserError(*map(not_pinned, repositories))


def benchmarks(study: Study) -> Iterator[str]:
    """Embedded benchmarks exist and have task files."""
    names = dict.fromkeys([*BENCHMARKS, *PUBLISHED])
    rest = ", or a name with `benchmark:` or `path:`, such as `gsm8k-steps: {benchmark: gsm8k}`"
    for name, section in study.benchmarks.items():
        if not isinstance(section, TinyBenchmark):
            continue
        if name not in names:
            yield f"benchmarks.{name}: unknown benchmark, expected {one_of(name, names, rest)}"
        elif name not in task_names():
            yield f"benchmarks.{name}: found no task file {TASKS.name}/{name}.yaml, expected one"


def texts(study: Study) -> Iterator[str]:
    """Mirrors and users' own files exist, and all of the files' rows can be used."""
    for name, section in study.benchmarks.items():
        try:
            check_sources({name: section}, study.mirror)
        except UserError as error:
            yield from error.lines
            continue
        if isinstance(section, FileBenchmark):
            from semalign.benchmarks.own import problems_of

            yield from _absent(name, section) or problems_of(name, section)


def _absent(name: str, section: FileBenchmark) -> list[str]:
    """A line per file of a benchmark that does not exist, with the key that names it."""
    keys = [key for key in ("path", "test_path") if getattr(section, key)]
    return [
        f"benchmarks.{name}.{key}: found no file {path}{hint(path.name, names_in(path.parent))}, expected one JSON "
        "object per line; a relative path starts at the folder that snakemake runs in"
        for key in keys
        if not (path := user_path(getattr(section, key))).exists()
    ]


def variants(study: Study) -> Iterator[str]:
    """The settings of every variant, on every benchmark and with every learning rate; none equals another."""
    for method in study.methods:
        problems = Problems()
        with problems.collect():
            for variant in variants_of(study, method):
                with problems.collect():
                    problems.add(*_variant(study, method, variant))
        if not problems.lines:
            with problems.collect():
                problems.add(*oracles.problems_of(study, method))
                problems.add(*effects.problems_of(study, method))
        yield from problems.lines


def _variant(study: Study, method: str, variant: str) -> Iterator[str]:
    settings, signals = resolve(study, method, variant)
    where = f"methods.{method}"
    for need in settings.needs:
        if need not in STAGES:
            yield f"{where}: needs signal {need!r}, expected {one_of(need, STAGES)}"
    name = signals.alignment.map
    if name not in MAPS:
        yield f"{source_of(study, method, variant, 'alignment.map')}: found {name!r}, expected {one_of(name, MAPS)}"
    else:
        check_top(name, signals.alignment.top)
    if len(variant.encode()) > LONGEST_PART:
        key = axes_key(study, method)
        yield f"{key}: found a value of {len(variant)} characters, which names a folder; expected a shorter one"
    for stage in STAGES:
        folder = signal_name(study, signals, stage)
        if len(folder.encode()) > LONGEST_PART:
            yield (
                f"{where}.signals: found changes whose names, joined, have {len(folder)} characters and name a folder; "
                "expected fewer changes"
            )
            break
    changes = variants_of(study, method)[variant]
    for benchmark in settings.by_benchmark if variant in variants_of(study, method) else ():
        if benchmark in study.benchmarks:
            at_benchmark(study, method, changes, benchmark)
    for trial in trials_of(study, method, variant):
        if len(trial.encode()) > LONGEST_PART:
            yield f"search.learning_rates: found a value that names a folder of {len(trial)} characters, expected less"
    if variant == DEFAULT:
        yield from _searched(study, method)


def _searched(study: Study, method: str) -> Iterator[str]:
    """The values of other settings that a search tries are valid, and leave the method's signals as they are."""
    plain, plain_signals = resolve(study, method, DEFAULT)
    for key, values in study.methods[method].search.items():
        for value in values:
            settings, signals = changed(study, method, {key: value}, f"methods.{method}.search")
            if settings.needs != plain.needs or signals != plain_signals:
                yield (
                    f"methods.{method}.search.{key}: found {shown(value)}, which changes the signals that the method "
                    "reads; list the method twice instead"
                )


def split_sizes(study: Study) -> Iterator[str]:
    """Yield a line per setting that asks for more examples than a split has."""
    yield from sizes.problems_of(study)


def same_benchmarks(study: Study) -> Iterator[str]:
    """Benchmarks that are there twice, or in a mixture with one of the same file."""
    yield from same_texts.problems_of(study)


def printed_names(study: Study) -> Iterator[str]:
    """Yield a line per title that two methods would be printed with."""
    yield from printed.problems_of(study)


def wrong_shares(study: Study) -> Iterator[str]:
    """Yield a line per share of wrong answers that is no example, or the same as another."""
    yield from shares.problems_of(study)


# every check of `check_study`, in the order in which problems are printed; a check of a new kind is added here
CHECKS: tuple[Check, ...] = (
    benchmarks,
    variants,
    check_models,
    check_projections,
    texts,
    same_benchmarks,
    split_sizes,
    wrong_shares,
    printed_names,
)


def unpinned(study: Study) -> list[str]:
    """Return the repositories of the study without a pinned commit, in the order of its models."""
    models = study.models.values()
    repositories = (model.repository for model in models if getattr(model, "revision", None) == LOCKED)  # type: ignore[union-attr]
    return list(dict.fromkeys(repositories))
