"""Semantic residual: layers are steered towards their own states plus the recomposed difference of predictions.

Targets of layer k: h + rho |h|_mean d / |d|_mean with d = S_S (p_T - p_S), see `signals.residual.recomposition`. A
variant of SemAlign (arXiv 2510.24208) that is not in the paper: it keeps the paper's semantic bases and its cosine
loss, and replaces what is decomposed. `rounds` repeats the training with new targets.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.displaced import Displaced, Rho
from semalign.methods.registry import method


class SemanticResidual(Displaced):
    """Layers are steered towards their own states plus what the teacher predicts beyond the student, recomposed.

    Section `residual` of the config says how the difference of predictions is made and recomposed.
    """

    method: Literal["semantic-residual"] = "semantic-residual"
    rho: Rho = 0.3
    rounds: int = Field(
        1,
        ge=1,
        le=100,
        description="trainings in a row; each starts from the untouched student, towards the steered student's states "
        "plus its own residual",
    )

    @model_validator(mode="after")
    def _has_a_distance(self) -> Self:
        if self.rho == 0 and self.loss == "squared":
            raise ValueError(
                "found rho 0 with loss squared, which is divided by the length of the displacements; expected a rho "
                "above 0, or loss cosine"
            )
        return self

    @property
    def trainings(self) -> int:
        """The rounds."""
        return self.rounds

    @property
    def needs(self) -> tuple[str, ...]:
        """The residual, for further rounds the teacher's final states, and what `Displaced` reads."""
        return (*super().needs, *(("states",) if self.rounds > 1 else ()), "residual")


@method("semantic-residual", title="Semantic residual", settings=SemanticResidual)
def transfer(task: TransferTask[SemanticResidual], folder: Path) -> TransferReport:
    """Train a LoRA adapter on the train split, once or in rounds."""
    from semalign.methods.displaced.semantic_residual.rounds import train_in_rounds

    return train_in_rounds(task, folder)
