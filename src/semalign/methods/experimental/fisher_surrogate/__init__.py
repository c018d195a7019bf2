"""Fisher surrogate: a layer's logits are trained towards those of its aligned target, by a quadratic form of KL.

A reconstruction from the abstract of the conference version of SemAlign (Findings of ACL 2026). `surrogate` holds the
loss, and lists what the abstract leaves open.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field

from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.experimental.reconstructed import Reconstructed
from semalign.methods.registry import method


class FisherSurrogate(Reconstructed):
    """Logits of the paired layers are trained towards those of their targets, by a Fisher-weighted quadratic loss.

    A reconstruction from the abstract of the conference version of SemAlign's paper; its results are not meant to
    represent the paper's.
    """

    method: Literal["fisher-surrogate"] = "fisher-surrogate"
    layer_loss_weight: float = Field(
        1.0,
        ge=0,
        description="weight of half the variance of the logits' differences under the target's distribution",
    )

    @property
    def demands(self) -> dict[str, str]:
        """States must be block outputs, which the final norm and the head read."""
        return {"activations.interface": "block"}


@method("fisher-surrogate", title="Fisher surrogate", settings=FisherSurrogate)
def transfer(task: TransferTask[FisherSurrogate], folder: Path) -> TransferReport:
    """Train a LoRA adapter on the train split towards the logits of the stored targets."""
    from semalign.methods.experimental.fisher_surrogate.surrogate import compare_logits
    from semalign.methods.experimental.reconstructed.training import reconstruct

    return reconstruct(task, compare_logits, folder)
