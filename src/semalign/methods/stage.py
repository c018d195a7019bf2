"""The method stage: one method with one seed, from a pair's folders to a sealed transfer folder."""

import logging
import shutil
import time
from pathlib import Path
from typing import Any

import torch

from semalign.methods.base import TransferTask
from semalign.methods.common.costs import search_costs, signal_costs
from semalign.methods.registry import METHODS
from semalign.runtime.files import read_json, replace_folder, write_jsonl
from semalign.runtime.provenance import Run

logger = logging.getLogger("semalign")


def transfer_knowledge(
    student: Path,
    teacher: Path,
    benchmark: Path,
    signals: dict[str, Path],
    settings: Path,
    seed: int,
    checkpoint: Path,
    label: str,
    out: Path,
    choice: Path | None = None,
) -> None:
    """Run one method with one seed; write its transfer folder.

    `choice`, the folder of a search, gives the learning rate instead of the settings.
    """
    run = Run("transfer", settings, seed)
    method = METHODS.load(run.settings["method"])
    chosen = method.settings.model_validate(run.settings)
    run.modules.append(METHODS.module_of(chosen.method))
    for name, path in {"student": student, "teacher": teacher, "benchmark": benchmark, **signals}.items():
        run.read(name, path)
    if choice:
        chosen = _take_choice(chosen, run.read("choice", choice))
    optimisation = getattr(chosen, "optimisation", None)
    task = TransferTask(student, teacher, benchmark, signals, chosen, seed, checkpoint, label, run.identity())
    torch.use_deterministic_algorithms(True, warn_only=True)
    started = time.perf_counter()
    with replace_folder(out) as folder:
        report = method(task, folder)
        seconds = round(time.perf_counter() - started, 3)
        write_jsonl(folder / "history.jsonl", report.history)
        cost = {
            "train_seconds": seconds,
            "trainable_parameters": report.trainable_parameters,
            "teacher_passes": report.teacher_passes,
            "learning_rate": optimisation.learning_rate if optimisation else None,
            **signal_costs(signals.values()),
            **search_costs(choice),
        }
        run.seal(folder, {"cost": cost})
    shutil.rmtree(checkpoint, ignore_errors=True)


def _take_choice(settings: Any, choice: Path) -> Any:
    """The settings with the learning rate that a search chose."""
    rate = read_json(choice / "choice.json")["learning_rate"]
    optimisation = settings.optimisation.model_copy(update={"learning_rate": rate})
    return settings.model_copy(update={"optimisation": optimisation})
