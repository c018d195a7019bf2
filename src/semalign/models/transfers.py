"""Transfer folders: a method's result for evaluation, and how it is applied to a model.

`transfer.json` has its kind: `untouched` (evaluate the named model as it is), `adapter` (a PEFT
adapter on the student) or `delta` (additions to rows and columns of its weights). Evaluation depends only on these
kinds, not on methods.
"""

from pathlib import Path
from typing import Any, Literal, get_args

import torch

from semalign.models.deltas import add_deltas, read_deltas
from semalign.models.loading import load_model
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json

Kind = Literal["untouched", "adapter", "delta"]
Base = Literal["student", "teacher"]


def write_transfer(folder: Path, kind: Kind, base: Base = "student") -> None:
    """Write `transfer.json`: the kind of the transfer, and the model that it applies to."""
    write_json(folder / "transfer.json", {"kind": kind, "base": base})


def load_student(
    student: Path | str,
    teacher: Path | str,
    transfer: Path | str,
    device: str | None = None,
    dtype: torch.dtype | None = None,
) -> Any:
    """Load the model that a transfer folder describes, ready to evaluate, with its adapter or delta applied.

    An adapter is merged into weights in float32 or higher precision. With weights in half precision it is kept separate
    in float32, as it was trained, since rounding the sum would lose updates smaller than half of a weight's last place.

    Raises UserError if the folder has no readable transfer.json or names an unknown kind.
    """
    path = Path(transfer) / "transfer.json"
    if not path.is_file():
        raise UserError(
            f"{path}: no such file; expected the folder `transfer` of a cell (an exported folder loads with PEFT or "
            "transformers alone)"
        )
    facts = read_json(path)
    base = {"student": student, "teacher": teacher}[facts["base"]]
    model = load_model(base, device, dtype)
    if facts["kind"] == "untouched":
        return model
    if facts["kind"] == "adapter":
        return _with_adapter(model, transfer)
    if facts["kind"] == "delta":
        add_deltas(model, read_deltas(transfer))
        return model
    raise UserError(f"{path}: kind: found {facts['kind']!r}, expected one of {', '.join(get_args(Kind))}")


def _with_adapter(model: Any, folder: Path | str) -> Any:
    from peft import PeftModel

    exact = model.dtype in (torch.float32, torch.float64)
    adapted = PeftModel.from_pretrained(model, str(folder), torch_device=str(model.device))
    # without a merge, `base_model.model` is the model itself, whose layers PEFT has wrapped
    result = adapted.merge_and_unload() if exact else adapted.base_model.model
    return result.eval().requires_grad_(False)
