"""Reading what is compared: the untouched student's states, those of trained students, and targets of signals."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from semalign.analysis.displacement.tangent import sizes, tangent, towards
from semalign.analysis.states import draw_rows
from semalign.config.cells import Cell
from semalign.models.loading import load_model
from semalign.models.states import encode_split, offsets_of, read_states
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json
from semalign.runtime.provenance import RECORD
from semalign.signals.displacement import NAME, SHARED, layer_name, scaled
from semalign.signals.stored import Stored

POSITIONS = 2000  # drawn at random if the answers have more
BLOCK = "block"
# the stage whose targets are states, not displacements, and their file
ALIGNMENT = "alignment"
TARGETS = "targets.safetensors"


@dataclass(frozen=True)
class Place:
    """The student, the benchmark whose train split is read, and how: `count` examples, `batch_size` at a time."""

    student: Path
    benchmark: Path
    count: int
    batch_size: int
    device: str = "cpu"
    dtype: torch.dtype | None = None


@dataclass(frozen=True)
class Target:
    """What a method steers towards: its signal's `stage` and `folder`.

    `rho` is the length of a displacement relative to the states at `interface`, if the method sets it; `scale` is a
    factor on stored displacements.
    """

    method: str
    variant: str
    stage: str
    folder: Path
    rho: float | None = None
    interface: str = BLOCK
    scale: float = 1.0


class Origin:
    """The untouched student's states at answer positions of the train split, by interface and layer.

    `owners` [positions] is the number of the example that a position belongs to.
    """

    def __init__(self, place: Place, layers: list[int], interfaces: list[str]) -> None:
        self.place, self.layers = place, layers
        encoded, self.pad = encode_split(place.student, place.benchmark, "train")
        self.encoded = encoded[: place.count]
        counts = offsets_of(self.encoded).diff()
        self.kept = draw_rows(int(counts.sum()), POSITIONS)
        self.owners = torch.arange(len(counts)).repeat_interleave(counts)[self.kept]
        model = load_model(place.student, place.device, place.dtype)
        self.own = {name: self.read(model, name) for name in dict.fromkeys([BLOCK, *interfaces])}

    def read(self, model: Any, interface: str = BLOCK) -> dict[int, Tensor]:
        """Layer -> states [positions, width] of a model at the kept positions."""
        batch = self.place.batch_size
        states = read_states(model, self.encoded, self.layers, interface, batch, self.pad)
        return {layer: rows[self.kept].double() for layer, rows in states.items()}

    def moved(self, model: Any) -> dict[int, Tensor]:
        """Layer -> tangent displacements [positions, width] of a trained student."""
        states = self.read(model)
        return {
            layer: tangent(rows - self.own[BLOCK][layer], self.own[BLOCK][layer])
            for layer, rows in states.items()
        }

    def asked(self, target: Target) -> dict[int, Tensor]:
        """Layer -> tangent displacements [positions, width] that a target asks for, at those layers that it has.

        A displacement of what the MLP, the attention or the whole layer adds is one of the layer's output, a sum with
        it. (That the MLP reads what the attention adds is left out.) Raises UserError if the target was stored at other
        positions.
        """
        name = TARGETS if target.stage == ALIGNMENT else NAME
        stored = Stored(target.folder / name, self.encoded).tensors
        found = {}
        for layer in self.layers:
            rows = stored.get(layer_name(layer), stored.get(SHARED))
            if rows is not None:
                displacement = self._displacement(rows[self.kept].double(), layer, target)
                found[layer] = tangent(displacement, self.own[BLOCK][layer])
        return found

    def size(self, displacement: Tensor, layer: int) -> float:
        """Mean over positions of the size of a displacement relative to the block's states."""
        return float(sizes(displacement, self.own[BLOCK][layer]).mean())

    def _displacement(self, rows: Tensor, layer: int, target: Target) -> Tensor:
        if target.stage == ALIGNMENT:
            return towards(rows, self.own[interface_of(target)][layer])
        if target.rho is None:
            return target.scale * rows
        return scaled(rows, self.own[target.interface][layer], target.rho)


def interface_of(target: Target) -> str:
    """The output of a layer that a target is for; displacements are those of whole layers."""
    if target.stage != ALIGNMENT:
        return target.interface
    return str(read_json(target.folder / "alignment.json")["interface"])


def as_chosen(target: Target, cells: Mapping[Path, Cell]) -> Target:
    """The target with the value of `rho` or `scale` that a search chose for its method and variant, if one did."""
    for folder, cell in cells.items():
        if (cell.method, cell.variant) == (target.method, target.variant):
            chosen = read_json(folder / "transfer" / RECORD).get("chosen", {})
            return replace(target, **{key: chosen[key] for key in ("rho", "scale") if key in chosen})
    return target


def read_targets(entries: Any, source: Path) -> list[Target]:
    """The targets that a settings file lists. Raises UserError for another form."""
    try:
        return [Target(**entry | {"folder": Path(entry["folder"])}) for entry in entries]
    except (TypeError, KeyError) as error:
        raise UserError(
            f"{source}: found {error}, expected a list with method, variant, stage and folder"
        ) from None
