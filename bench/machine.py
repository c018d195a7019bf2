"""The machine that was measured on, without the host's name or paths."""

import gc
from pathlib import Path
from typing import Any

import torch

from semalign.runtime.commit import current_commit
from semalign.runtime.errors import UserError
from semalign.runtime.machine import hardware, versions

ROOT = Path(__file__).parents[1]


def facts(device: str, threads: int) -> dict[str, Any]:
    """Processor, cores, threads, versions and commit."""
    return {
        **hardware(),
        "device": device,
        "threads": threads,
        "versions": versions(),
        "commit": current_commit(ROOT, "src", "scripts"),
    }


def check_device(device: str) -> None:
    """Raise UserError if a GPU is requested and there is none."""
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device: found cuda, but there is no GPU; expected one, or cpu")


def finish(device: str) -> None:
    """Wait until the device has finished its work."""
    if device == "cuda":
        torch.cuda.synchronize()


def release(device: str) -> None:
    """Release memory that is not in use, so that another process finds the device's memory free."""
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
