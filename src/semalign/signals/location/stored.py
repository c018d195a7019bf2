"""Located neurons as stored by the signal stage and read by the method."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

from semalign.runtime.files import read_json


@dataclass(frozen=True)
class Locations:
    """Stored locations: integers [examples, ...] by model and part; the last row is for the injection."""

    parts: dict[str, dict[str, torch.Tensor]]
    teacher_passes: int

    @property
    def extracts(self) -> int:
        """Number of extract examples that were located."""
        return len(self.parts["student"]["ffn"]) - 1

    @classmethod
    def read(cls, folder: Path) -> "Locations":
        """Read the folder of the location stage."""
        parts: dict[str, dict[str, torch.Tensor]] = {}
        for name, tensor in load_file(folder / "location.safetensors").items():
            model, _, part = name.partition(".")
            parts.setdefault(model, {})[part] = tensor.long()
        return cls(parts, read_json(folder / "location.json")["teacher_passes"])
