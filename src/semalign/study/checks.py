"""What is checked of each benchmark's texts, and which benchmarks leave out what is too long."""

import re
from typing import Any

from semalign.config.base import Split
from semalign.config.benchmarks import (
    FileBenchmark,
    Mixture,
    RealBenchmark,
    Unlabeled,
    base_of,
    without_derived,
)
from semalign.config.checks import CheckSettings
from semalign.config.evaluation import EvaluationSettings
from semalign.config.pruning import PrunedModel
from semalign.config.signals import stages_before
from semalign.evaluation.protocols import TASKS, task_names
from semalign.signals.semantics.registry import FITTED_MAPS
from semalign.study.definition import Study
from semalign.study.sizes import sizes_needed
from semalign.study.variants import resolve, variants_of

CHOICES = {"too_long", "unreachable"}  # keys that change no split, unless examples are left out
# signal stages that read the teacher at every token of the answers of train; others read their results
BY_TOKEN = ("activations", "alignment", "logits", "states", "units", "pullback")


def checks_of_pair(study: Study, benchmark: str) -> dict[str, Any]:
    """The settings of the check of a benchmark that a pair is trained and scored on."""
    scored: list[Split] = ["validation", "test"]
    if study.evaluation.split not in scored:
        scored.append(study.evaluation.split)
    checks = CheckSettings(
        evaluation=study.evaluation,
        scored=scored,
        uses=uses_of(study),
        sizes=sizes_needed(study, benchmark),
        **_choices(study, benchmark),
    )
    return checks.model_dump(mode="json")


def checks_of_model(study: Study, benchmark: str, evaluation: dict[str, Any]) -> dict[str, Any]:
    """The settings of the check of a benchmark that a model is scored on as it is."""
    sandbox = study.evaluation.model_dump(include={"sandbox", "sandbox_workers"})
    checks = CheckSettings(
        evaluation=EvaluationSettings(**evaluation, **sandbox),
        scored=[evaluation["split"]],
        **_choices(study, benchmark),
    )
    return checks.model_dump(mode="json")


def uses_of(study: Study) -> dict[Split, list[str]]:
    """Split -> the methods that read teacher and student at the same tokens of its answers."""
    uses: dict[Split, list[str]] = {}
    for method in study.methods:
        for variant in variants_of(study, method):
            settings, signals = resolve(study, method, variant)
            read = {stage for need in settings.needs for stage in (*stages_before(need), need)}
            splits: dict[Split, bool] = {
                "train": any(stage in read for stage in BY_TOKEN),
                "align": "alignment" in read and signals.alignment.map in FITTED_MAPS,
                "extract": "pairing" in read and signals.pairing.rule == "cka",
            }
            for split in (split for split, used in splits.items() if used):
                if method not in uses.setdefault(split, []):
                    uses[split].append(method)
    return uses


def readers_of(study: Study, benchmark: str) -> list[str]:
    """The models whose contexts decide which examples a benchmark leaves out; empty if it leaves out none.

    A pruned model reads like its teacher, from which it has its context and tokenizer. It may itself be healed with the
    benchmark, so it can't be an input of the benchmark.
    """
    if getattr(study.benchmarks[benchmark], "too_long", "refuse") != "leave-out":
        return []
    read_as = [name for name in study.benchmarks if benchmark in _items_of(study, name)]
    models = [
        model
        for pair in study.pairs.values()
        if set(pair.benchmarks or study.benchmarks) & set(read_as)
        for model in (pair.teacher, pair.student)
    ]
    if set(study.scores.benchmarks or without_derived(study.benchmarks)) & set(read_as):
        models += study.scores.models
    sections = [study.benchmarks[name] for name in read_as]
    models += [section.answered_by for section in sections if isinstance(section, Unlabeled)]
    return list(dict.fromkeys(_unpruned(study, model) for model in models))


def new_tokens(study: Study, benchmark: str) -> int | None:
    """The tokens to generate for a benchmark; None if they follow from its references."""
    if benchmark in study.evaluation.max_new_tokens:
        return study.evaluation.max_new_tokens[benchmark]
    section = study.benchmarks[benchmark]
    if not isinstance(section, RealBenchmark):
        return None
    kind = benchmark if benchmark in task_names() else section.benchmark
    protocols = {study.evaluation.protocol, *(study.scores.protocols if study.scores.models else ())}
    tasks = [kind if protocol == "paper" else f"{kind}-{protocol}" for protocol in protocols]
    return max((_limit_in(task) for task in tasks if task in task_names()), default=0)


def _limit_in(task: str) -> int:
    """The limit in a task file, or 0 if the task generates nothing."""
    text = (TASKS / f"{task}.yaml").read_text(encoding="utf-8")
    found = re.search(r"^ +max_gen_toks: (\d+)$", text, re.MULTILINE)
    return int(found[1]) if found else 0


def _unpruned(study: Study, model: str) -> str:
    section = study.models[model]
    return _unpruned(study, section.teacher) if isinstance(section, PrunedModel) else model


def _parts_of(study: Study, benchmark: str) -> list[str]:
    """The benchmarks that one's items are from: the parts of a mixture, also if another one is derived from it."""
    base = base_of(study.benchmarks, benchmark)
    section = study.benchmarks[base]
    return list(section.parts) if isinstance(section, Mixture) else [base]


def _items_of(study: Study, benchmark: str) -> list[str]:
    """A benchmark and all that it is made from."""
    return [benchmark, base_of(study.benchmarks, benchmark), *_parts_of(study, benchmark)]


def _choices(study: Study, benchmark: str) -> dict[str, Any]:
    """The choices of a benchmark, or of each part of a mixture, by name."""
    sections = {name: study.benchmarks[name] for name in _parts_of(study, benchmark)}
    having = {
        name: each for name, each in sections.items() if isinstance(each, FileBenchmark | RealBenchmark)
    }
    return {key: {name: getattr(each, key) for name, each in having.items()} for key in sorted(CHOICES)}
