"""Scores of a model on examples, and how close it is to a teacher."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from semalign.api.heads import any_head, shared_by
from semalign.api.inputs import Examples, Loaded, Model, examples_of, loaded, section_of
from semalign.benchmarks.base import Example, write_split
from semalign.config.evaluation import EvaluationSettings
from semalign.evaluation.agreement import StoredTeacher, add_comparisons, compare
from semalign.evaluation.harness import describe, run_task, study_model
from semalign.evaluation.items import ItemRecord, summarise
from semalign.evaluation.protocols import task_names
from semalign.evaluation.reference import reference_states
from semalign.evaluation.sandbox.code import with_verdicts
from semalign.methods.displaced.training import evaluating
from semalign.runtime.errors import UserError
from semalign.runtime.suggestions import one_of

OWN = "examples"  # the task of examples that have no task file of their own


@dataclass(frozen=True)
class Scores:
    """`score` and its standard error `score_stderr` over the items, in percent, by `metric`; a record per item.

    `teacher_kl` is in nats per answer token and `teacher_agreement` in percent of the answer tokens, None without a
    teacher.
    """

    score: float
    score_stderr: float
    metric: str
    items: list[ItemRecord]
    teacher_kl: float | None = None
    teacher_agreement: float | None = None


def evaluate(
    model: Model,
    examples: Examples,
    *,
    teacher: Model | None = None,
    task: str = OWN,
    max_new_tokens: int | None = None,
    batch_size: int = 64,
    seed: int = 0,
) -> Scores:
    """Let a model answer examples and score them as a study does, through lm-eval.

    Args:
        model: Model folder, or `(model, tokenizer)`; a PEFT model is scored with its adapter.
        examples: `(prompt, answer)` pairs (the generated text must begin with the answer's lines, or end in its
            number), or `Example`s of one kind: with choices, or with tests (programs run in the sandbox).
        teacher: Another model, with whose predictions on the reference answers this one's are compared.
        task: Name of a built-in or published benchmark, whose task file then scores the examples (`facts`, `mmlu`).
            Default: by the kind of the examples.
        max_new_tokens: Limit of generated tokens. Default: half as many again as the longest answer has, 16 at least.
        batch_size: Prompts per forward pass; changes scores by rounding only.
        seed: Seed of sampled answers (programs).

    Raises UserError for a prompt that is too long, a tokenizer without an eos token, vocabularies that share too little
    with the teacher's, and a sandbox that can't isolate.
    """
    limit = {} if max_new_tokens is None else {task: max_new_tokens}
    values = {"batch_size": batch_size, "max_new_tokens": limit}
    settings = section_of(EvaluationSettings, "evaluate", values)
    items = examples_of(examples)
    _check(task, items)
    speaker = loaded(model)
    with evaluating(speaker.model):
        records, metric = _answers(speaker, items, task, settings, seed)
        records, _ = with_verdicts(records, items, settings)
        if teacher is not None:
            records = _compared(speaker, loaded(teacher), items, records, settings)
    found = summarise(records, {task: metric})
    chosen = {key: found[key] for key in ("score", "score_stderr", "teacher_kl", "teacher_agreement")}
    return Scores(metric=metric, items=records, **chosen)


def _check(task: str, examples: Sequence[Example]) -> None:
    """Raise UserError for a task without a file, and for examples of several kinds, which one task can't score."""
    if task != OWN and task not in task_names():
        raise UserError(f"task: found {task!r}, expected {one_of(task, [OWN, *task_names()])}")
    kinds = sorted({_kind(example) for example in examples})
    if len(kinds) > 1:
        raise UserError(
            f"examples: found {' and '.join(kinds)}, expected one kind; score each kind by itself"
        )


def _kind(example: Example) -> str:
    if example.choices:
        return "some with choices"
    return "some with tests" if example.tests else "some without choices and tests"


def _answers(
    speaker: Loaded, examples: Sequence[Example], task: str, settings: EvaluationSettings, seed: int
) -> tuple[list[ItemRecord], str]:
    """A record per example, in their order, and the metric; lm-eval reads the examples from a file."""
    with tempfile.TemporaryDirectory() as folder:
        write_split(Path(folder), "test", examples)
        path = Path(folder) / "test.jsonl"
        answering = study_model(*speaker, settings, seed)
        metric = str(describe(task, path, settings, answering.reader)["metric"])
        by_id = {record.id: record for record in run_task(answering, task, path, settings)}
    return [by_id[example.id] for example in examples], metric


def _compared(
    speaker: Loaded,
    teacher: Loaded,
    examples: Sequence[Example],
    records: Sequence[ItemRecord],
    settings: EvaluationSettings,
) -> list[ItemRecord]:
    """The records with the divergence from the teacher, and the agreement with it."""
    with evaluating(teacher.model):
        reference = reference_states(*teacher, examples, settings.batch_size)
    heads = any_head(teacher, "keep"), any_head(speaker, "keep")
    shared = shared_by((teacher.tokenizer, speaker.tokenizer), heads)
    stored = StoredTeacher(reference, heads[0], shared)
    sizes = {"batch_size": settings.batch_size, "positions_per_chunk": settings.positions_per_chunk}
    return add_comparisons(records, compare(*speaker, examples, stored, **sizes))
