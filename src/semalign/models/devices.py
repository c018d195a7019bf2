"""Where a model runs and in which precision: one place that every stage asks.

The device is the job's matter: SEMALIGN_DEVICE, which the workflow sets from the config's `device`, or else a GPU
where there is one. Precision and layout over several GPUs are the model's: `loading.json` in its folder, written
from the config when the model is prepared, and part of its digest. Without that file it is float32 on one device.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json

VARIABLE = "SEMALIGN_DEVICE"
FILE = "loading.json"
CHOICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Loading:
    """How a model's weights are held: their type's name, and `one` device or a way to spread them."""

    dtype: str = "float32"
    device_map: str = "one"


def device() -> str:
    """`cpu` or `cuda`; raises UserError where a GPU is asked for and there is none, or the choice is not known."""
    wanted = os.environ.get(VARIABLE, "") or "auto"
    if wanted not in CHOICES:
        raise UserError(f"{VARIABLE}: found {wanted!r}, expected one of {', '.join(CHOICES)}")
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UserError("device: found cuda, but this job has no GPU; expected one, or `device: auto`")
    return wanted


def write_loading(folder: Path, settings: Any) -> None:
    """Write what a model's settings say of its weights; nothing where they say no more than the default."""
    loading = Loading(*(getattr(settings, key, value) for key, value in vars(Loading()).items()))
    if loading != Loading():
        write_json(folder / FILE, vars(loading))


def read_loading(folder: Path | str) -> Loading:
    """How the model in `folder` is held."""
    path = Path(folder) / FILE
    return Loading(**read_json(path)) if path.is_file() else Loading()


def layout(loading: Loading, place: str) -> Any:
    """What transformers is told of devices: nothing for the processor, one GPU, or accelerate's way to spread."""
    if place == "cpu":
        return None
    return {"": place} if loading.device_map == "one" else loading.device_map


def devices_of(model: Any) -> list[str]:
    """The devices that hold the model's weights, in the order of its parameters."""
    return list(dict.fromkeys(str(parameter.device) for parameter in model.parameters()))
