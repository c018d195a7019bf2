"""The part of a config that each job reads, by the name of its file in `results/<study>/settings`."""

from typing import Any

from semalign.config.cells import DEFAULT
from semalign.config.evaluation import SAMPLED
from semalign.config.signals import stages_before
from semalign.study.checks import CHOICES, checks_of_model, checks_of_pair, new_tokens, readers_of
from semalign.study.layout.folders import UNTOUCHED, Folders
from semalign.study.layout.order import facts_of, order_of
from semalign.study.searches import HIGHEST, LOWEST, Values, further_trials, grid_of, trials_of
from semalign.study.sections import Study
from semalign.study.targets import targets_of
from semalign.study.variants import FIXED, at_benchmark, changed, variants_of

Settings = dict[str, Any]  # name of a file -> its content


def settings_of(folders: Folders) -> Settings:
    """Return the settings of all jobs of a study."""
    parts = (_of_sources, _of_methods, _of_evaluation, _of_results, _of_analyses, _of_checks)
    return {name: content for part in parts for name, content in part(folders).items()}


def trials_and_further(study: Study, method: str, variant: str) -> dict[str, Values]:
    """Return trial name -> changed keys, of a variant's grid and of what may follow beyond it."""
    further = further_trials(study, method, variant)
    return {**trials_of(study, method, variant), **further[LOWEST], **further[HIGHEST]}


def _of_sources(folders: Folders) -> Settings:
    """Models, benchmarks, pairs, and what decides which examples a benchmark leaves out."""
    study = folders.study
    settings: Settings = {}
    for section in ("models", "benchmarks"):
        for name, entry in getattr(study, section).items():
            settings[f"{section}/{name}"] = entry.model_dump(mode="json", exclude=CHOICES)
    for name in study.benchmarks:
        if readers := readers_of(study, name):
            choice = getattr(study.benchmarks[name], "too_long", None)
            settings[f"benchmarks/{name}"]["too_long"] = choice
            settings[f"fitting/{name}"] = {"readers": readers, "new_tokens": new_tokens(study, name)}
    for name in study.pairs:
        teacher, student = folders.models_of(name)
        settings[f"pairs/{name}"] = {"teacher": teacher, "student": student}
    return settings


def _of_methods(folders: Folders) -> Settings:
    """Variants, their signal stages, searches and trials."""
    study = folders.study
    settings: Settings = dict(folders.stages.settings)
    for method in study.methods:
        for variant in variants_of(study, method):
            settings[f"methods/{method}/{variant}"] = _slice(folders.stages.methods[method, variant])
            settings |= _of_search(study, method, variant) | _by_benchmark(study, method, variant)
    if folders.searched():
        student = folders.named("student")
        settings[f"trials/{student}/{DEFAULT}/{UNTOUCHED}"] = _slice(study.methods[student])
    return settings


def _of_search(study: Study, method: str, variant: str) -> Settings:
    """A search and its trials; empty if the variant is not searched."""
    settings: Settings = {}
    for trial, changes in trials_and_further(study, method, variant).items():
        own, _ = changed(study, method, changes, f"search ({method} {variant} {trial})")
        settings[f"trials/{method}/{variant}/{trial}"] = _slice(own)
    if settings:
        settings[f"searches/{method}/{variant}"] = {"keys": list(grid_of(study, method, variant))}
    return settings


def _by_benchmark(study: Study, method: str, variant: str) -> Settings:
    """A variant and its trials on the benchmarks that are listed in `by_benchmark`."""
    benchmarks = study.methods[method].by_benchmark
    if not benchmarks:
        return {}
    changes = {f"methods/{method}/{variant}": variants_of(study, method)[variant]}
    for trial, of_trial in trials_and_further(study, method, variant).items():
        changes[f"trials/{method}/{variant}/{trial}"] = of_trial
    return {
        f"{name}@{benchmark}": _slice(at_benchmark(study, method, own, benchmark))
        for benchmark in benchmarks
        for name, own in changes.items()
    }


def _of_evaluation(folders: Folders) -> Settings:
    """Generating and judging, separately, so that a change of the latter generates nothing."""
    study = folders.study
    of_judging = {"sandbox", "sandbox_workers"}
    answering = study.evaluation.model_dump(mode="json", exclude=of_judging)
    judging = study.evaluation.model_dump(mode="json", include={*of_judging, "split"})
    settings: Settings = {
        "evaluation": answering,
        "judging": judging,
        "validation": answering | {"split": "validation"},
        "judging-validation": judging | {"split": "validation"},
        "published": study.scores.model_dump(mode="json")["published"],
    }
    for protocol in study.scores.protocols if study.scores.models else ():
        kinds = {name: getattr(benchmark, "benchmark", None) for name, benchmark in study.benchmarks.items()}
        samples = {
            name: count
            for name, count in study.evaluation.samples.items()
            if kinds[name] in SAMPLED[protocol]
        }
        settings[f"scores/{protocol}"] = answering | {"protocol": protocol, "samples": samples}
    for folder in folders.answered_folders():
        own = _answered(folders, answering, folder.rsplit("/", 1)[-1])
        settings[folder.removeprefix(f"{folders.root}/")] = own
    return settings


def _answered(folders: Folders, answering: dict[str, Any], benchmark: str) -> dict[str, Any]:
    """How a model answers the train split: the prompts that are trained on, one greedy answer each."""
    names = folders.parts_of(benchmark) or [benchmark]
    limits = {name: limit for name, limit in answering["max_new_tokens"].items() if name in names}
    return answering | {"split": "train", "protocol": "paper", "samples": {}, "max_new_tokens": limits}


def _of_results(folders: Folders) -> Settings:
    """Tables, pages and notebooks."""
    study = folders.study
    return {
        "statistics": study.statistics.model_dump(mode="json"),
        "order": order_of(folders),
        "cells": [folders.cell_folder(cell) for cell in folders.cells],
        "ranked": [folders.cell_folder(cell) for cell in folders.ranked()],
        "export": study.export.model_dump(mode="json", include={"merged", "gguf"}),
        "notebooks": list(study.notebooks),
        "facts": facts_of(study),
    }


def _of_analyses(folders: Folders) -> Settings:
    """Analyses, and the default settings of the signal stages, which they read even if no cell does."""
    study = folders.study
    settings: Settings = {
        f"{stage}/{DEFAULT}": getattr(study, stage).model_dump(mode="json")
        for stage in (*stages_before("alignment"), "alignment")
    }
    for name in type(study.analysis).model_fields:
        settings[f"analysis/{name}"] = getattr(study.analysis, name).model_dump(mode="json")
    for name in ("decomposition", "displacement"):
        settings[f"analysis/{name}"]["confidence"] = study.statistics.confidence
    if study.analysis.displacement.benchmark:
        for pair in study.pairs:
            settings[f"targets/{pair}"] = targets_of(study, folders.root, folders.cells, pair)
    return settings


def _of_checks(folders: Folders) -> Settings:
    """What is checked of the texts of each benchmark, for every pair and every model that is scored."""
    study = folders.study
    settings: Settings = {
        f"checks/pairs/{pair}/{benchmark}": checks_of_pair(study, benchmark)
        for pair, benchmark in folders.checked()
    }
    answering = _of_evaluation(folders)
    for folder in folders.score_folders():
        model, benchmark, protocol = folder.removeprefix(f"{folders.root}/scores/").split("/")
        own = checks_of_model(study, benchmark, answering[f"scores/{protocol}"])
        settings[f"checks/scores/{model}/{benchmark}/{protocol}"] = own
    return settings


def _slice(settings: Any) -> dict[str, Any]:
    """Return the settings that a method itself reads, without those for the signal stages and the search."""
    return dict(settings.model_dump(mode="json", exclude=set(FIXED) - {"method"}))
