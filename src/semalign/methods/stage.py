"""The method stage: one method with one seed, from a pair's folders to one transfer folder."""

import logging
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.common.costs import search_costs, signal_costs
from semalign.methods.registry import METHODS
from semalign.runtime.command import grouped
from semalign.runtime.files import read_json, replace_folder, write_jsonl
from semalign.runtime.provenance import Run, check

logger = logging.getLogger("semalign")


@grouped
@dataclass(frozen=True)
class Attempt:
    """How one training runs.

    Attributes:
        seed: Seed of the adapter and of the order of examples.
        checkpoint: Where a long training saves itself.
        label: Name of the training in progress lines.
        choice: Folder of the search that chose the learning rate; else that of the settings.
    """

    seed: int
    checkpoint: Path
    label: str = "transfer"
    choice: Path | None = None


def transfer_knowledge(
    student: Path,
    teacher: Path,
    benchmark: Path,
    settings: Path,
    attempt: Attempt,
    out: Path,
    signals: Sequence[Path] = (),
) -> None:
    """Run one method with one seed: a student in, a transfer folder out.

    Args:
        student: Model folder.
        teacher: Model folder.
        benchmark: Folder of the splits.
        settings: The method's section of the config, as JSON.
        attempt: How the training runs.
        out: Transfer folder.
        signals: Folders of the signal stages that the method reads.
    """
    run = Run("transfer", settings, attempt.seed)
    method = METHODS.load(run.settings["method"])
    section = method.settings.model_validate(run.settings)
    run.modules.append(METHODS.module_of(method.name))
    by_stage = {str(check(folder)["stage"]): folder for folder in signals}
    run.read_all(student=student, teacher=teacher, benchmark=benchmark, **by_stage, choice=attempt.choice)
    if attempt.choice:
        section = _at_chosen_rate(section, attempt.choice)
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
    with replace_folder(out) as folder:
        report = method(task, folder)
        seconds = round(time.perf_counter() - started, 3)
        write_jsonl(folder / "history.jsonl", report.history)
        cost = _cost(section, report, seconds) | signal_costs(signals) | search_costs(attempt.choice)
        run.seal(folder, {"cost": cost})
    shutil.rmtree(attempt.checkpoint, ignore_errors=True)


def _cost(settings: Any, report: TransferReport, seconds: float) -> dict[str, Any]:
    """What the training itself took."""
    optimisation = getattr(settings, "optimisation", None)
    return {
        "train_seconds": seconds,
        "trainable_parameters": report.trainable_parameters,
        "teacher_passes": report.teacher_passes,
        "learning_rate": optimisation.learning_rate if optimisation else None,
    }


def _at_chosen_rate(settings: Any, choice: Path) -> Any:
    """The settings with the learning rate that a search chose."""
    rate = read_json(choice / "choice.json")["learning_rate"]
    optimisation = settings.optimisation.model_copy(update={"learning_rate": rate})
    return settings.model_copy(update={"optimisation": optimisation})
