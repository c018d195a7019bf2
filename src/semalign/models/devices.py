"""The device and precision of models, decided in one place for all stages.

The device belongs to the job: it is SEMALIGN_DEVICE, which the workflow sets from the config's `device`, or else a GPU
if there is one. Precision and layout over several GPUs belong to the model: they are in `loading.json` in its folder,
which is written from the config when the model is prepared and is part of its digest. Without that file a model is
loaded in float32 on one device.
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
    """How a model's weights are loaded: the name of their type, and `one` device or a device map of accelerate."""

    dtype: str = "float32"
    device_map: str = "one"


def device() -> str:
    """`cpu` or `cuda`; raises UserError if a GPU is requested and there is none, or if the choice is unknown."""
    wanted = os.environ.get(VARIABLE, "") or "auto"
    if wanted not in CHOICES:
        raise UserError(f"{VARIABLE}: found {wanted!r}, expected one of {', '.join(CHOICES)}")
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UserError("device: found cuda, but this job has no GPU; expected one, or `device: auto`")
    return wanted


def write_loading(folder: Path, settings: Any) -> None:
    """Write how a model's settings say to load it; writes no file if that is the default."""
    loading = Loading(*(getattr(settings, key, value) for key, value in vars(Loading()).items()))
    if loading != Loading():
        write_json(folder / FILE, vars(loading))


def read_loading(folder: Path | str) -> Loading:
    """How to load the model in `folder`."""
    path = Path(folder) / FILE
    return Loading(**read_json(path)) if path.is_file() else Loading()


def layout(loading: Loading, place: str) -> Any:
    """The `device_map` for transformers: None for the CPU, one GPU, or the name of accelerate's strategy."""
    if place == "cpu":
        return None
    return {"": place} if loading.device_map == "one" else loading.device_map


def devices_of(model: Any) -> list[str]:
    """The devices that hold the model's weights, in the order of its parameters."""
    return list(dict.fromkeys(str(parameter.device) for parameter in model.parameters()))
