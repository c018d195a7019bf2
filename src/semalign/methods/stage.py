"""The method stage: runs one method with one seed and writes one transfer folder."""

import logging
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from semalign.config.search import RATE
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.common.costs import search_costs, signal_costs
from semalign.methods.registry import METHODS
from semalign.runtime.command import grouped
from semalign.runtime.counting import counting
from semalign.runtime.files import read_json, replace_folder, write_jsonl
from semalign.runtime.provenance import Run, check

logger = logging.getLogger("semalign")


@grouped
@dataclass(frozen=True)
class Attempt:
    """Options of one training run.

    Attributes:
        seed: Seed of the adapter and of the order of examples.
        checkpoint: Folder in which a long training saves its state.
        label: Name of the training in progress messages.
        choice: Folder of the search that chose the learning rate, and other searched settings; by default those of
            the settings are used.
        kept: Searched keys whose value the settings fix, whatever was chosen.
    """

    seed: int
    checkpoint: Path
    label: str = "transfer"
    choice: Path | None = None
    kept: Sequence[str] = ()


def transfer_knowledge(
    student: Path,
    teacher: Path,
    benchmark: Path,
    settings: Path,
    attempt: Attempt,
    out: Path,
    signals: Sequence[Path] = (),
) -> None:
    """Run one method with one seed on a student, and write a transfer folder.

    Args:
        student: Model folder.
        teacher: Model folder.
        benchmark: Folder of the splits.
        settings: The method's section of the config, as JSON.
        attempt: Options of the training run.
        out: Transfer folder.
        signals: Folders of the signal stages that the method reads.
    """
    run = Run("transfer", settings, attempt.seed)
    method = METHODS.load(run.settings["method"])
    section = method.settings.model_validate(run.settings)
    run.modules.append(METHODS.module_of(method.name))
    by_stage = {str(check(folder)["stage"]): folder for folder in signals}
    run.read_all(student=student, teacher=teacher, benchmark=benchmark, **by_stage, choice=attempt.choice)
    chosen = _chosen(attempt)
    section = _with(section, chosen)
    task = TransferTask(
        student=student,
        teacher=teacher,
        benchmark=benchmark,
        signals=by_stage,
        settings=section,
        seed=attempt.seed,
        checkpoint=attempt.checkpoint,
        label=attempt.label,
        identity=run.identity(),
    )
    torch.use_deterministic_algorithms(True, warn_only=True)
    started = time.perf_counter()
    with replace_folder(out) as folder, counting() as counter:
        report = method(task, folder)
        seconds = round(time.perf_counter() - started, 3)
        write_jsonl(folder / "history.jsonl", report.history)
        spent = {"train_seconds": seconds, "train_flops": counter.total}
        cost = spent | _cost(section, report, RATE in chosen)
        cost |= signal_costs(signals) | search_costs(attempt.choice)
        run.seal(folder, {"cost": cost, "chosen": chosen})
    shutil.rmtree(attempt.checkpoint, ignore_errors=True)


def _cost(settings: Any, report: TransferReport, searched: bool) -> dict[str, Any]:
    """Costs of the training itself besides seconds and operations, and whether its learning rate was searched."""
    optimisation = getattr(settings, "optimisation", None)
    return {
        "trainable_parameters": report.trainable_parameters,
        "teacher_passes": report.teacher_passes,
        "learning_rate": optimisation.learning_rate if optimisation else None,
        "searched": int(searched) if optimisation else None,
    }


def _chosen(attempt: Attempt) -> dict[str, Any]:
    """The settings that a search chose, by dotted key, without those that are kept; empty without a search."""
    chosen = read_json(attempt.choice / "choice.json")["chosen"] if attempt.choice else {}
    return {key: value for key, value in chosen.items() if key not in attempt.kept}


def _with(settings: Any, changes: dict[str, Any]) -> Any:
    """The settings after changing dotted keys."""
    data = settings.model_dump()
    for key, value in changes.items():
        *sections, last = key.split(".")
        inner = data
        for name in sections:
            inner = inner[name]
        inner[last] = value
    return type(settings).model_validate(data) if changes else settings
