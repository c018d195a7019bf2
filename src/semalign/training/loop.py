"""The training loop of all methods: AdamW on named loss terms, with checkpoints that resume to identical bytes."""

import hashlib
import json
import logging
import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import torch

from semalign.config.optimisation import Optimisation
from semalign.runtime.errors import UserError
from semalign.training.checkpoint import (
    Checkpoint,
    random_state,
    read_state,
    read_tensors,
    restore_random_state,
    write_state,
)
from semalign.training.operations import Updates, training_counted
from semalign.training.schedule import learning_rate

logger = logging.getLogger("semalign")

Record = dict[str, float]
BatchT = TypeVar("BatchT")
Schedule = Callable[[int], tuple[float, float]]
Portions = Callable[[BatchT], Sequence[tuple[float, BatchT]]]
Size = Callable[[BatchT], Sequence[float]]

REPORT_SECONDS = 10.0
MOMENTS = ("step", "exp_avg", "exp_avg_sq")  # AdamW's state per parameter


@dataclass(frozen=True)
class Budget:
    """Number of steps of a training, and its optimiser settings.

    `schedule` returns the learning rate and beta1 of an update (0-based), for schedules that the settings do not cover.
    """

    steps: int
    settings: Optimisation
    schedule: Schedule | None = None

    def at(self, step: int) -> tuple[float, float]:
        """Learning rate and beta1 of an update (0-based)."""
        if self.schedule is not None:
            return self.schedule(step)
        return learning_rate(step, self.steps, self.settings), self.settings.beta1


def train(
    parameters: dict[str, torch.nn.Parameter],
    batches: Callable[[int], BatchT],
    loss: Callable[[BatchT], dict[str, torch.Tensor]],
    budget: Budget,
    *,
    label: str = "train",
    checkpoint: Checkpoint | None = None,
    portions: Portions[BatchT] | None = None,
    size: Size[BatchT] | None = None,
) -> list[Record]:
    """Minimise the sum of the named terms that `loss` returns, changing `parameters` in place.

    Returns the history: the step (1-based), the learning rate and each term, in about a hundred rows including the last
    step.

    With `checkpoint`, the state is saved regularly and on SIGTERM, which ends the process with status 143 after the
    current step. An existing state is resumed; the result is then byte-identical to that of an uninterrupted run if
    `batches(step)` depends only on the step. A damaged state or that of another run is ignored.

    `portions` splits a batch into parts with weights that add up to 1. Each part's gradient is added before the next
    part is in memory. If the terms are means over the things that the weights count, the result is the gradient of the
    whole batch.

    If the stage counts its floating-point operations, those of the training are estimated from a few updates (see
    `operations`). `size` returns the numbers that an update's operations are linear in; without it, all updates are
    counted, which is slower.

    Raises UserError if a term or the gradient's norm is not finite.
    """
    steps = budget.steps
    with training_counted() as counted, _Terminated() as terminated:
        run = _Run(parameters, budget, label, counted)
        if checkpoint is not None:
            run.resume(checkpoint)
        progress = _Progress(label, run.step, steps)
        while run.step < steps:
            batch = batches(run.step)
            parts = [(1.0, batch)] if portions is None else portions(batch)
            counts = counted.update(run.step, size(batch) if size else None) if counted else nullcontext()
            with counts:
                total = run.update((weight, loss(part)) for weight, part in parts)
            progress.report(run.step, total)
            if checkpoint is not None and (terminated.seen or checkpoint.due(run.step, steps)):
                run.save(checkpoint.folder)
            if terminated.seen:
                saved = f", saved in {checkpoint.folder}" if checkpoint else ""
                logger.info("%s: stopped by SIGTERM after step %d/%d%s", label, run.step, steps, saved)
                sys.exit(128 + signal.SIGTERM)
    return run.history


class _Run:
    """State of a training: parameters, optimiser moments, step and history."""

    def __init__(
        self,
        parameters: dict[str, torch.nn.Parameter],
        budget: Budget,
        label: str,
        counted: Updates | None = None,
    ) -> None:
        settings = budget.settings
        self.counted = counted
        self.parameters = parameters
        self.budget = budget
        self.label = label
        self.step = 0
        self.identity = ""
        self.history: list[Record] = []
        self.optimizer = torch.optim.AdamW(
            list(parameters.values()),
            lr=settings.learning_rate,
            betas=(settings.beta1, settings.beta2),
            weight_decay=settings.weight_decay,
            fused=True,
        )

    def update(self, parts: Iterable[tuple[float, dict[str, torch.Tensor]]]) -> float:
        """Run one optimiser step on weighted parts of a batch; return the loss before the step.

        `parts` is consumed lazily, so that only one part's graph is in memory at a time.
        """
        lr, beta1 = self.budget.at(self.step)
        values: Record = {}
        self.optimizer.zero_grad(set_to_none=True)
        for weight, terms in parts:
            for name, term in terms.items():
                values[name] = values.get(name, 0.0) + weight * term.item()
                self._check_finite(name, values[name])
            total = torch.stack(list(terms.values())).sum()
            self._check_trained(terms, total)
            (total if weight == 1 else weight * total).backward()
            del terms, total
        norm = torch.nn.utils.clip_grad_norm_(list(self.parameters.values()), self.budget.settings.clip_norm)
        self._check_finite("gradient norm", norm.item())
        self.optimizer.param_groups[0].update(lr=lr, betas=(beta1, self.budget.settings.beta2))
        self.optimizer.step()
        self.step += 1
        if self.step % max(1, self.budget.steps // 100) == 0 or self.step == self.budget.steps:
            self.history.append({"step": self.step, "learning_rate": lr, **values})
        return sum(values.values())

    def _check_trained(self, terms: Iterable[str], total: torch.Tensor) -> None:
        if not total.requires_grad:
            raise UserError(
                f"{self.label}: found a loss ({', '.join(terms)}) on which no trained matrix has an effect, expected "
                "lora.projections that come before what is trained"
            )

    def _check_finite(self, name: str, value: float) -> None:
        if not math.isfinite(value):
            raise UserError(
                f"{self.label}: step {self.step + 1}: {name}: found {value}, expected a finite number "
                "(try a lower learning_rate)"
            )

    def save(self, folder: Path) -> None:
        """Write everything that `resume` needs."""
        tensors = {f"parameter.{name}": tensor.detach() for name, tensor in self.parameters.items()}
        for name, parameter in self.parameters.items():
            state = self.optimizer.state.get(parameter, {})
            tensors.update({f"{key}.{name}": value for key, value in state.items()})
        tensors.update(random_state())
        facts = {"identity": self.identity, "step": self.step, "history": self.history}
        if self.counted:
            facts["operations"] = self.counted.state()
        write_state(folder, facts, tensors)

    def resume(self, checkpoint: Checkpoint) -> None:
        """Restore the state in the checkpoint's folder, if it exists and belongs to this run.

        Four things make the rest of the run byte-identical to an uninterrupted one: the parameters, AdamW's moments,
        the state of the random generators, and the step, which determines the batch and the learning rate.
        """
        folder = checkpoint.folder
        # computed before the parameters are restored, because the initial parameters are part of a run's identity
        self.identity = self._digest(checkpoint.identity)
        if not folder.is_dir():
            return
        state = read_state(folder)
        if state is None or state["identity"] != self.identity:
            reason = "is damaged" if state is None else "belongs to another run"
            logger.info("%s: %s %s, starting from step 0", self.label, folder, reason)
            return
        self.step = state["step"]
        self.history = state["history"]
        if self.counted and "operations" in state:
            self.counted.restore(state["operations"])
        tensors = read_tensors(folder)
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(tensors[f"parameter.{name}"])
                keys = [key for key in MOMENTS if f"{key}.{name}" in tensors]
                # a parameter without a gradient so far has no moments; AdamW creates them, with their own step count,
                # at its first gradient
                if keys:
                    moments = {key: tensors[f"{key}.{name}"].to(parameter.device) for key in keys}
                    self.optimizer.state[parameter] = moments
        restore_random_state(tensors)
        logger.info("%s: resumed at step %d/%d", self.label, self.step, self.budget.steps)

    def _digest(self, identity: str) -> str:
        """Digest of what a checkpoint must share with a run: label, steps, settings, `identity`, initial parameters."""
        facts = [self.label, self.budget.steps, self.budget.settings.model_dump_json(), identity]
        digest = hashlib.sha256(json.dumps(facts).encode())
        for name, parameter in self.parameters.items():
            digest.update(f"{name} {tuple(parameter.shape)} {parameter.dtype}".encode())
            digest.update(parameter.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()


class _Terminated:
    """Context in which SIGTERM only sets `seen`, so that the current step can finish.

    It does nothing outside the main thread, since only the main thread can handle signals.
    """

    def __init__(self) -> None:
        self.seen = False
        self.active = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> "_Terminated":
        if self.active:
            self.previous: Any = signal.signal(signal.SIGTERM, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self.active:
            signal.signal(signal.SIGTERM, self.previous)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.seen = True


class _Progress:
    """Logs progress every ten seconds and at the end."""

    def __init__(self, label: str, first: int, steps: int) -> None:
        self.label = label
        self.first = first
        self.steps = steps
        self.start = self.last = time.monotonic()

    def report(self, step: int, loss: float) -> None:
        """Log the step if the last message is ten seconds old, or if it is the last step."""
        now = time.monotonic()
        if step == self.steps:
            took = now - self.start
            message = "%s: step %d/%d (100 %%), loss %.4g, took %.0f s"
            logger.info(message, self.label, step, self.steps, loss, took)
        elif now - self.last >= REPORT_SECONDS:
            self.last = now
            left = (now - self.start) / (step - self.first) * (self.steps - step)
            percent = 100 * step // self.steps
            message = "%s: step %d/%d (%d %%), loss %.4g, %.0f s left"
            logger.info(message, self.label, step, self.steps, percent, loss, left)
