"""Fine-tuning through LoRA that begins at the teacher's most sensitive sub-matrices.

The teacher gives an initial subspace and scale, nothing else: the frozen weights lose what the adapter begins with, so
that the first forward pass is the student's. SemAlign's paper writes the whole window in the place of that product;
the released code subtracts the product of rank r, which is followed here. In half precision the difference is rounded
while training; what is exported are factors in float32 next to the student's own weights.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from semalign.config.methods import Adapted, Layers
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.registry import method


class Seeking(Adapted):
    """LoRA begun at the sub-matrices of the teacher's weights that the task is most sensitive to.

    Stored is an adapter of twice lora.rank on the untouched student: what the frozen weights lost, and what was
    trained.
    """

    method: Literal["seeking"] = "seeking"
    layers: Layers = Field("all", description="adapt all layers, as published, or the paired ones only")

    @property
    def needs(self) -> tuple[str, ...]:
        """The factors of the teacher's windows."""
        return ("extraction", *super().needs)

    @property
    def demands(self) -> dict[str, Any]:
        """The factors have the adapter's rank and its matrices."""
        return {"extraction.rank": self.lora.rank, "extraction.projections": self.lora.projections}


@method("seeking", title="Seeking", paper="arXiv:2310.11451", settings=Seeking)
def transfer(task: TransferTask[Seeking], folder: Path) -> TransferReport:
    """Train on the train split from the factors that the extraction stage stored."""
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
