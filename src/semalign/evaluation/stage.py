"""The evaluation stages up to the answers: the teacher's reference, and a model's answers. Each writes one folder.

Nothing here depends on a method: a transfer folder says how it is applied. Nothing here runs code that a model wrote:
verdicts and scores are made from the stored answers, in a separate job (`semalign.evaluation.sandbox.stage`).
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from semalign.benchmarks.base import read_split
from semalign.benchmarks.mixture import scored_files
from semalign.config.evaluation import EvaluationSettings
from semalign.evaluation.agreement import StoredTeacher, add_comparisons, compare
from semalign.evaluation.free_text import free_items
from semalign.evaluation.harness import describe, run_task, study_model
from semalign.evaluation.items import ITEMS, ItemRecord, write_items
from semalign.evaluation.reference import read_reference, reference_states, write_reference
from semalign.evaluation.references import add_likelihoods
from semalign.models.devices import device
from semalign.models.loading import load_model, load_tokenizer, read_head
from semalign.models.transfers import load_student
from semalign.models.vocabulary import shared_tokens
from semalign.runtime.command import grouped
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, replace_folder
from semalign.runtime.provenance import Run

logger = logging.getLogger("semalign")
REFERENCE = "reference.safetensors"


@grouped
@dataclass(frozen=True)
class Scored:
    """The model that answers: a model folder as it is, or the result of a transfer between student and teacher.

    Attributes:
        model: Model folder to score as it is; otherwise give the three that follow.
        student: Model folder of the student.
        teacher: Model folder of the teacher.
        transfer: Transfer folder that a method wrote.
    """

    model: Path | None = None
    student: Path | None = None
    teacher: Path | None = None
    transfer: Path | None = None

    def check(self) -> None:
        """Raise UserError unless either `model` or all three others are given."""
        of_pair = [path is not None for path in (self.student, self.teacher, self.transfer)]
        if any(of_pair) if self.model else not all(of_pair):
            raise UserError("expected either --model, or --student, --teacher and --transfer together")

    def load(self, settings: EvaluationSettings) -> tuple[Any, Any]:
        """Load the model and its tokenizer."""
        dtype = _dtype(settings)
        if self.model:
            return load_model(self.model, device(), dtype), load_tokenizer(self.model)
        assert self.student and self.teacher and self.transfer
        model = load_student(self.student, self.teacher, self.transfer, device(), dtype)
        base = str(read_json(self.transfer / "transfer.json")["base"])
        return model, load_tokenizer({"student": self.student, "teacher": self.teacher}[base])


def extract_reference(teacher: Path, benchmark: Path, settings: Path, out: Path) -> None:
    """Store the teacher's final states on the scored split, for KL divergence and agreement.

    Args:
        teacher: Model folder.
        benchmark: Folder of the splits.
        settings: How answers are generated, as JSON (section `evaluation`).
        out: Folder of the reference.
    """
    run = Run("reference", settings)
    evaluation = EvaluationSettings(**run.settings)
    run.read_all(teacher=teacher, benchmark=benchmark)
    model = load_model(teacher, device(), _dtype(evaluation))
    examples = read_split(benchmark, evaluation.split)
    reference = reference_states(model, load_tokenizer(teacher), examples, evaluation.batch_size)
    with replace_folder(out) as folder:
        write_reference(folder / REFERENCE, reference)
        run.seal(folder, {"positions": len(reference.states)})
    logger.info("reference: %d answer positions of %d items", len(reference.states), len(examples))


def generate_answers(
    scored: Scored, benchmark: Path, settings: Path, seed: int, out: Path, reference: Path | None = None
) -> None:
    """Let a model answer the scored split of a benchmark: one record per item. No generated code is run.

    The name of the benchmark's folder selects the task file; each part of a mixture has its own. Code items get their
    verdict later, from the stage `judge_answers`.

    Args:
        scored: The model that answers.
        benchmark: Folder of the splits; its name is the name of the task.
        settings: How answers are generated, as JSON (section `evaluation`).
        seed: Seed of sampled answers.
        out: Folder of the answers.
        reference: Folder of the teacher's reference. Default: no KL and agreement.
    """
    run = Run("answers", settings, seed)
    evaluation = EvaluationSettings(**run.settings)
    scored.check()
    if reference and not scored.teacher:
        raise UserError("--reference: expected only with a --teacher")
    run.read_all(
        model=scored.model,
        student=scored.student,
        teacher=scored.teacher,
        transfer=scored.transfer,
        benchmark=benchmark,
        reference=reference,
    )
    examples = read_split(benchmark, evaluation.split)
    tasks = scored_files(benchmark, evaluation.split)
    model, tokenizer = scored.load(evaluation)
    answering = study_model(model, tokenizer, evaluation, seed)
    facts = {task: describe(task, path, evaluation, answering.reader) for task, path in tasks.items()}
    started = time.perf_counter()
    by_id = {record.id: record for record in _answers(answering, tasks, evaluation)}
    throughput = answering.counts.rates(len(examples), time.perf_counter() - started)
    records = [by_id[example.id] for example in examples]
    _warn_if_none_is_right(benchmark.name, records)
    free = free_items(records, facts)
    records = add_likelihoods(records, answering, [example for example in examples if example.id in free])
    if reference and scored.teacher:
        stored = _stored_teacher(scored.teacher, reference, model, tokenizer)
        sizes = {"batch_size": evaluation.batch_size, "positions_per_chunk": evaluation.positions_per_chunk}
        records = add_comparisons(records, compare(model, tokenizer, examples, stored, **sizes))
    with replace_folder(out) as folder:
        write_items(folder / ITEMS, records)
        run.seal(folder, {"evaluation": facts, "throughput": throughput})
    rates = throughput["items_per_second"], throughput["tokens_per_second"]
    logger.info("%s: %d answers, %.1f items and %.0f tokens per second", benchmark.name, len(records), *rates)


def _answers(model: Any, tasks: Mapping[str, Path], settings: EvaluationSettings) -> Iterator[ItemRecord]:
    """The records of all tasks; records of a mixture name their part."""
    for task, path in tasks.items():
        records = run_task(model, task, path, settings)
        yield from (replace(record, part=task) for record in records) if len(tasks) > 1 else records


def _warn_if_none_is_right(name: str, records: Sequence[ItemRecord]) -> None:
    """Show the first answer if all are wrong: the texts may have another form than the model knows."""
    if any(record.correct != 0 for record in records):
        return
    first = records[0]
    logger.warning(
        "warning: %s: none of %d answers is right; after %r the model wrote %r, expected %r",
        name,
        len(records),
        (first.prompt or "")[-30:],
        first.response[:60],
        first.expected[:60],
    )


def _stored_teacher(teacher: Path, reference: Path, model: Any, tokenizer: Any) -> StoredTeacher:
    """The teacher's stored states and LM head, from which KL and agreement are computed."""
    head = read_head(teacher)
    rows = (len(head.weight), model.get_output_embeddings().weight.shape[0])
    shared = shared_tokens(load_tokenizer(teacher), tokenizer, rows)
    return StoredTeacher(read_reference(reference / REFERENCE), head, shared)


def _dtype(settings: EvaluationSettings) -> torch.dtype:
    dtype: torch.dtype = getattr(torch, settings.dtype)
    return dtype
