"""Checkpoints of a training: where and when they are written, and whether they are intact."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from semalign.runtime.files import read_json, replace_folder, write_json

STATE = "state.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """Where and when a training saves its state.

    `every` is the number of steps between two saves. `identity` identifies what the result depends on besides label,
    budget and initial parameters, such as the data; a state with another identity is not resumed. `save_last` also
    saves the state after the last step, for a caller with further phases. The caller removes the folder.
    """

    folder: Path
    every: int = 200
    identity: str = ""
    save_last: bool = False

    def due(self, step: int, steps: int) -> bool:
        """Whether the state is saved after `step` of `steps` steps."""
        return self.save_last if step == steps else step % self.every == 0


def write_state(folder: Path, facts: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
    """Write facts and tensors to a temporary folder, which is renamed once it is complete.

    A power failure can still leave a file without its content. The facts therefore hold a digest of the tensors, which
    `read_state` compares.
    """
    with replace_folder(folder) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary / STATE)
        written = hashlib.sha256((temporary / STATE).read_bytes()).hexdigest()
        write_json(temporary / "state.json", facts | {"digest": written})


def read_state(folder: Path) -> dict[str, Any] | None:
    """The facts in a checkpoint; None if a file is missing, truncated or changed."""
    try:
        state: dict[str, Any] = read_json(folder / "state.json")
        written = hashlib.sha256((folder / STATE).read_bytes()).hexdigest()
        return state if state["digest"] == written else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_tensors(folder: Path) -> dict[str, torch.Tensor]:
    """The tensors of a state that `read_state` accepted."""
    return load_file(folder / STATE)


def random_state() -> dict[str, torch.Tensor]:
    """State of torch's generators, so that dropout after resuming draws what it would have drawn."""
    states = {"random.cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["random.cuda"] = torch.cuda.get_rng_state()
    return states


def restore_random_state(states: dict[str, torch.Tensor]) -> None:
    """Restore the generators from `random_state`."""
    torch.set_rng_state(states["random.cpu"])
    if "random.cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["random.cuda"])
