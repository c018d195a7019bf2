"""Control for prox: the same training with the student's own initial states as targets.

Block outputs of the paired layers are kept near their initial values while the student learns the answers by logit
distillation or cross-entropy. Only the teacher's logits and the choice of layers are used. Any gain over the same loss
without an anchor is therefore due to regularisation, not to alignment.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.experimental.anchored import Anchored, Distillation
from semalign.methods.registry import method


class SelfAnchor(Anchored):
    """Control for prox: block outputs are kept near their initial values, and only losses on answers train."""

    method: Literal["self-anchor"] = "self-anchor"
    layer_loss_weight: float = Field(
        0.1,
        ge=0,
        description="weight of the squared distance of block outputs from their initial values, divided by the "
        "variance of these",
    )
    distillation: Distillation = Field(
        "logits", description="`logits` adds the KL divergence to the teacher's stored logits"
    )

    @model_validator(mode="after")
    def _learns(self) -> Self:
        if not self.moves:
            raise ValueError(
                "found no loss besides the anchor, which alone changes nothing; expected a label_loss_weight or "
                "distillation: logits"
            )
        return self


@method("self-anchor", title="Self-anchor", settings=SelfAnchor)
def transfer(task: TransferTask[SelfAnchor], folder: Path) -> TransferReport:
    """Train a LoRA adapter on the train split, anchored to the student's initial states."""
    from semalign.methods.common.lora import load_student_at_work
    from semalign.methods.experimental.anchored.training import own_states, read_pairs, train_anchored

    work = load_student_at_work(task)
    pairs, passes = read_pairs(task)
    return train_anchored(task, work, own_states(work, pairs), folder, passes)
