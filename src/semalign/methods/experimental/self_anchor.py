"""Prox's control: the same training with the student's own initial states as targets.

Block outputs of the paired layers stay near what they were while the answers teach, by logit distillation or by
cross-entropy. Of the teacher only the logits and the choice of the layers are read: whatever this gains over the
same loss without an anchor is regularisation and not alignment.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.experimental.anchored import Anchored, Distillation
from semalign.methods.registry import method


class SelfAnchor(Anchored):
    """Prox's control: block outputs are kept near the student's own, so that the answers' losses alone teach."""

    method: Literal["self-anchor"] = "self-anchor"
    layer_loss_weight: float = Field(
        0.1, ge=0, description="weight of the block outputs' squared distance, over their variance"
    )
    distillation: Distillation = Field(
        "logits", description="logits: the KL divergence to the teacher's stored logits beside it"
    )

    @model_validator(mode="after")
    def _learns(self) -> Self:
        if not self.moves:
            raise ValueError(
                "found no loss beside the anchor, which alone moves nothing; expected a label_loss_weight or "
                "distillation: logits"
            )
        return self


@method("self-anchor", title="Self-anchor", settings=SelfAnchor)
def transfer(task: TransferTask[SelfAnchor], folder: Path) -> TransferReport:
    """Train on the train split near the student's own states."""
    from semalign.methods.common.lora import load_student_at_work
    from semalign.methods.experimental.anchored.training import own_states, read_pairs, train_anchored

    work = load_student_at_work(task)
    pairs, passes = read_pairs(task)
    return train_anchored(task, work, own_states(work, pairs), folder, passes)
