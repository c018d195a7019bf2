"""Logit distillation of an adapter that the semantic residual has started.

Two phases train one adapter: first the chosen layers are steered as by `semantic_residual`, without running anything
above them; then the teacher's stored logits are distilled from there, as by `distill_logits`. A question of this study,
not of a paper: does a start that costs no pass through the upper layers save updates of distillation?
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from semalign.config.methods import Adapted
from semalign.config.optimisation import Optimisation
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.displaced import Rho
from semalign.methods.registry import method


class Steering(Optimisation):
    """The first phase of `residual-start`. A search of learning rates varies those of `optimisation`, not this one."""

    learning_rate: float = Field(3e-2, gt=0, le=1, description="peak learning rate")
    epochs: float | None = Field(
        20, gt=0, le=1_000_000, description="passes over the training data; ignored if `steps` is set"
    )
    batch_size: int = Field(16, ge=1, le=1_000_000, description="examples per update")


class ResidualStart(Adapted):
    """Layers are steered by the semantic residual first, then the teacher's logits are distilled into the same adapter.

    Section `residual` of the config says how the residual is made, section `logits` what is distilled;
    `optimisation` is that of the distillation.
    """

    method: Literal["residual-start"] = "residual-start"
    rho: Rho = 0.3
    steering: Steering = Steering()

    @property
    def needs(self) -> tuple[str, ...]:
        """The residual and the teacher's logits; and the pairing, if paired layers are adapted."""
        return ("residual", "logits", *super().needs)

    @model_validator(mode="after")
    def _has_the_same_examples(self) -> Self:
        if self.steering.examples is not None:
            raise ValueError(
                f"found steering.examples {self.steering.examples}, expected null: both phases train on those of "
                "optimisation.examples"
            )
        return self


@method("residual-start", title="Residual start", paper="arXiv:1503.02531", settings=ResidualStart)
def transfer(task: TransferTask[ResidualStart], folder: Path) -> TransferReport:
    """Train a LoRA adapter on the train split, in two phases."""
    from semalign.methods.displaced.residual_start.phases import steer_then_distil

    return steer_then_distil(task, folder)
