"""The first evaluation stages from folders to a folder: the teacher's reference, and a model's answers.

Nothing here knows methods: a transfer folder says how it is applied. Nothing here runs what a model wrote: verdicts
and scores are made from the stored answers, in a job of their own (`semalign.evaluation.sandbox.stage`).
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from semalign.benchmarks.base import Example, read_split
from semalign.benchmarks.mixture import scored_files
from semalign.config.evaluation import EvaluationSettings
from semalign.evaluation.agreement import add_comparisons, compare
from semalign.evaluation.harness import describe, run_task, study_model
from semalign.evaluation.items import ITEMS, ItemRecord, write_items
from semalign.evaluation.reference import read_reference, reference_states, write_reference
from semalign.models.devices import device
from semalign.models.loading import load_model, load_tokenizer, read_head
from semalign.models.transfers import load_student
from semalign.models.vocabulary import shared_tokens
from semalign.runtime.files import read_json, replace_folder
from semalign.runtime.provenance import Run

logger = logging.getLogger("semalign")
REFERENCE = "reference.safetensors"


def extract_reference(teacher: Path, benchmark: Path, settings: Path, out: Path) -> None:
    """Store the teacher's final states on the scored split, for KL and agreement."""
    run = Run("reference", settings)
    chosen = EvaluationSettings(**run.settings)
    run.read("teacher", teacher), run.read("benchmark", benchmark)
    model = load_model(teacher, _device(), _dtype(chosen))
    examples = read_split(benchmark, chosen.split)
    reference = reference_states(model, load_tokenizer(teacher), examples, chosen.batch_size)
    with replace_folder(out) as folder:
        write_reference(folder / REFERENCE, reference)
        run.seal(folder, {"positions": len(reference.states)})
    logger.info("reference: %d answer positions of %d items", len(reference.states), len(examples))


def generate_answers(
    models: Mapping[str, Path],
    transfer: Path | None,
    benchmark: Path,
    reference: Path | None,
    settings: Path,
    seed: int,
    out: Path,
) -> None:
    """Let a model answer the scored split; write items.jsonl and run.json into `out`. Nothing it wrote is run.

    The model is the one that `transfer` makes of `models["student"]` or `models["teacher"]`; without a transfer
    it is `models["model"]`. Without a `reference` of the teacher, KL and agreement are left out. The benchmark's
    name, which is its folder's, names the task file; the parts of a mixture have one each. Items of code wait for
    their verdict (`semalign.evaluation.sandbox.stage`).
    """
    run = Run("answers", settings, seed)
    chosen = EvaluationSettings(**run.settings)
    given = {**models, "transfer": transfer, "benchmark": benchmark, "reference": reference}
    for name, path in given.items():
        if path:
            run.read(name, path)
    examples = read_split(benchmark, chosen.split)
    tasks = scored_files(benchmark, chosen.split)
    facts = {task: describe(task, path, chosen) for task, path in tasks.items()}
    model, tokenizer = _load(models, transfer, chosen)
    answering = study_model(model, tokenizer, chosen, seed)
    started = time.perf_counter()
    answered = [_answers(answering, task, path, chosen, part=len(tasks) > 1) for task, path in tasks.items()]
    throughput = answering.counts.rates(len(examples), time.perf_counter() - started)
    by_id = {record.id: record for records in answered for record in records}
    records = [by_id[example.id] for example in examples]
    if reference:
        records = _agreement(records, model, tokenizer, examples, models["teacher"], reference, chosen)
    with replace_folder(out) as folder:
        write_items(folder / ITEMS, records)
        run.seal(folder, {"evaluation": facts, "throughput": throughput})
    logger.info(
        "%s: %d answers, %.1f items and %.0f tokens a second",
        *(benchmark.name, len(records), throughput["items_per_second"], throughput["tokens_per_second"]),
    )


def _load(models: Mapping[str, Path], transfer: Path | None, settings: EvaluationSettings) -> tuple[Any, Any]:
    """The model that is scored, and its tokenizer."""
    if transfer is None:
        return load_model(models["model"], _device(), _dtype(settings)), load_tokenizer(models["model"])
    model = load_student(models["student"], models["teacher"], transfer, _device(), _dtype(settings))
    return model, load_tokenizer(models[_base(transfer)])


def _answers(model: Any, task: str, path: Path, settings: EvaluationSettings, part: bool) -> list[ItemRecord]:
    """One task's records; those of a mixture's part say so."""
    records = run_task(model, task, path, settings)
    return [replace(record, part=task) for record in records] if part else records


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


def _base(transfer: Path) -> str:
    return str(read_json(transfer / "transfer.json")["base"])


def _device() -> str:
    return device()


def _dtype(settings: EvaluationSettings) -> torch.dtype:
    dtype: torch.dtype = getattr(torch, settings.dtype)
    return dtype
