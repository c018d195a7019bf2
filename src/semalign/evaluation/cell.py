"""The evaluation stages from folders to a folder: the teacher's reference, and the score of one cell.

Nothing here knows methods: a transfer folder says how it is applied.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from semalign.benchmarks.base import Example, read_split
from semalign.benchmarks.mixture import scored_files
from semalign.config.evaluation import EvaluationSettings
from semalign.evaluation.agreement import add_comparisons, compare
from semalign.evaluation.code import score_code
from semalign.evaluation.harness import describe, evaluate
from semalign.evaluation.items import ItemRecord, summarise, write_items
from semalign.evaluation.reference import extract_reference, read_reference, write_reference
from semalign.evaluation.sandbox.judge import choose
from semalign.files import read_json, replace_folder, write_json
from semalign.models.devices import device
from semalign.models.loading import load_model, load_tokenizer, read_head
from semalign.models.transfers import load_student
from semalign.provenance import Run
from semalign.semantics.vocabulary import shared_tokens

logger = logging.getLogger("semalign")
REFERENCE = "reference.safetensors"


def store_reference(teacher: Path, benchmark: Path, settings: Path, out: Path) -> None:
    """Store the teacher's final states on the scored split, for KL and agreement."""
    run = Run("reference", settings)
    chosen = EvaluationSettings(**run.settings)
    run.read("teacher", teacher), run.read("benchmark", benchmark)
    model = load_model(teacher, _device(), _dtype(chosen))
    examples = read_split(benchmark, chosen.split)
    reference = extract_reference(model, load_tokenizer(teacher), examples, chosen.batch_size)
    with replace_folder(out) as folder:
        write_reference(folder / REFERENCE, reference)
        run.seal(folder, {"positions": len(reference.states)})
    logger.info("reference: %d answer positions of %d items", len(reference.states), len(examples))


def evaluate_cell(
    student: Path,
    teacher: Path,
    transfer: Path,
    benchmark: Path,
    reference: Path | None,
    settings: Path,
    seed: int,
    out: Path,
) -> None:
    """Score the model that `transfer` describes; write items.jsonl, metrics.json and run.json into `out`.

    Without a `reference` of the teacher, KL and agreement are left out. The benchmark's name, which is its
    folder's, names the task file; the parts of a mixture have one each.
    """
    run = Run("evaluation", settings, seed)
    chosen = EvaluationSettings(**run.settings)
    inputs = {"student": student, "teacher": teacher, "transfer": transfer, "benchmark": benchmark}
    for name, path in inputs.items():
        run.read(name, path)
    examples = read_split(benchmark, chosen.split)
    tasks = scored_files(benchmark, chosen.split)
    facts = {task: describe(task, path, chosen) for task, path in tasks.items()}
    if any(example.tests for example in examples):
        choose(chosen.sandbox)  # a machine that can't isolate says so before the long part
    model = load_student(student, teacher, transfer, _device(), _dtype(chosen))
    tokenizer = load_tokenizer({"student": student, "teacher": teacher}[_base(transfer)])
    answered = [
        _answers(model, tokenizer, task, path, chosen, len(tasks) > 1) for task, path in tasks.items()
    ]
    by_id = {record.id: record for records in answered for record in records}
    records = [by_id[example.id] for example in examples]
    if reference:
        run.read("reference", reference)
        records = _agreement(records, model, tokenizer, examples, teacher, reference, chosen)
    records, isolation = _verdicts(records, examples, chosen)
    metrics = {
        **summarise(records, {task: found["metric"] for task, found in facts.items()}),
        **_costs(transfer),
    }
    write_items(out / "items.jsonl", records)
    write_json(out / "metrics.json", metrics)
    run.seal(out, {"evaluation": facts, "isolation": isolation}, ignore=(transfer.name,))
    logger.info(
        "%s: %s %.1f %% of %d items", benchmark.name, metrics["metric"], metrics["score"], len(records)
    )


def _answers(
    model: Any, tokenizer: Any, task: str, path: Path, settings: EvaluationSettings, part: bool
) -> list[ItemRecord]:
    """One task's records; those of a mixture's part say so."""
    records = evaluate(model, tokenizer, task, path, settings)
    return [replace(record, part=task) for record in records] if part else records


def _verdicts(
    records: Sequence[ItemRecord], examples: Sequence[Example], settings: EvaluationSettings
) -> tuple[list[ItemRecord], str | None]:
    """The records with the sandbox's verdict on every code item, and the isolation in force where there is one."""
    waiting = [index for index, record in enumerate(records) if record.correct is None]
    if not waiting:
        return list(records), None
    scored, isolation = score_code(
        [records[index] for index in waiting], [examples[index] for index in waiting], settings
    )
    found = dict(zip(waiting, scored, strict=True))
    return [found.get(index, record) for index, record in enumerate(records)], isolation


def _agreement(
    records: Sequence[ItemRecord],
    model: Any,
    tokenizer: Any,
    examples: Sequence[Example],
    teacher: Path,
    reference: Path,
    settings: EvaluationSettings,
) -> list[ItemRecord]:
    """The records with KL and agreement, from the stored states and the teacher's head alone."""
    head = read_head(teacher)
    rows = (len(head.weight), model.get_output_embeddings().weight.shape[0])
    comparisons = compare(
        model,
        tokenizer,
        examples,
        read_reference(reference / REFERENCE),
        head,
        shared_tokens(load_tokenizer(teacher), tokenizer, rows),
        batch_size=settings.batch_size,
        positions_per_chunk=settings.positions_per_chunk,
    )
    return add_comparisons(records, comparisons)


def _costs(transfer: Path) -> dict[str, Any]:
    """What making the transfer took, from its own record."""
    record = read_json(transfer / "run.json")
    return {**record["cost"], "peak_memory_mb": record["peak_memory_mb"]}


def _base(transfer: Path) -> str:
    return str(read_json(transfer / "transfer.json")["base"])


def _device() -> str:
    return device()


def _dtype(settings: EvaluationSettings) -> torch.dtype:
    dtype: torch.dtype = getattr(torch, settings.dtype)
    return dtype
