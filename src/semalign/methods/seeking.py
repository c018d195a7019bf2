"""Seeking (arXiv 2310.11451): fine-tuning through LoRA that starts from the teacher's most sensitive sub-matrices.

The teacher contributes only an initial subspace and scale: the adapter's initial product is subtracted from the frozen
weights, so that the first forward pass equals the student's. SemAlign's paper (arXiv 2510.24208) describes subtracting
the whole window; Seeking's released code subtracts the product of rank r, which is followed here. In half precision,
the difference is rounded during training. The exported adapter has float32 factors and belongs on the student's
untouched weights.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from semalign.config.methods import Adapted, Layers
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.registry import method


class Seeking(Adapted):
    """Fine-tuning through LoRA that starts from the teacher's sub-matrices to which the task is most sensitive.

    The stored adapter has twice `lora.rank` and belongs on the untouched student: it holds the part that was subtracted
    from the frozen weights and the part that was trained.
    """

    method: Literal["seeking"] = "seeking"
    layers: Layers = Field("all", description="adapt all layers (as published) or only the paired ones")

    @property
    def needs(self) -> tuple[str, ...]:
        """The factors of the teacher's windows; and the pairing, if only paired layers are adapted."""
        return ("extraction", *super().needs)

    @property
    def demands(self) -> dict[str, Any]:
        """The extraction must use the adapter's rank and projections."""
        return {"extraction.rank": self.lora.rank, "extraction.projections": self.lora.projections}


@method("seeking", title="Seeking", paper="arXiv:2310.11451", settings=Seeking)
def transfer(task: TransferTask[Seeking], folder: Path) -> TransferReport:
    """Train a LoRA adapter on the train split, starting from the factors that the extraction stage stored."""
    from semalign.methods.common.lora import (
        Adaptation,
        answer_loss,
        chosen_layers,
        load_student_at_work,
        train_student,
    )
    from semalign.runtime.files import read_json
    from semalign.signals.extraction.factors import read_factors

    extraction = task.signals["extraction"]
    work = load_student_at_work(task)
    layers, passes = chosen_layers(task, work)
    passes += read_json(extraction / "extraction.json")["teacher_passes"]
    start = read_factors(extraction)
    return train_student(task, work, Adaptation(layers, answer_loss, start=start), folder, passes)
