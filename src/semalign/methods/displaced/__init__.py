"""Methods that steer layers of the student towards its own states plus a displacement.

SemAlign replaces a state by one that was mapped from the teacher; these methods keep the state and move it. They share
the settings below and the training (`training`), and differ in where the displacement comes from:

- `semantic_residual`: the teacher's predictions minus the student's, recomposed on the student's semantic bases.
- `pullback`: solved for through the student's upper layers.
- `oracle`: a student that another method has trained (a control).

`residual_start` steers by the semantic residual first, and distils the teacher's logits from there.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from semalign.config.methods import Adapted

Rho = Annotated[
    float,
    Field(
        ge=0,
        le=100,
        description="mean length of the displacements, as a share of the mean length of the states",
    ),
]


class Displaced(Adapted):
    """Steering of some layers towards their own states plus a displacement, with optional losses on the answers."""

    interface: Literal["block", "contribution", "mlp", "attention"] = Field(
        "block",
        description="output that is steered: of the layer (`block`), what it adds to the residual stream "
        "(`contribution`), or that of its MLP or attention. A displacement is the same for all of them, since they add "
        "up; but the MLP of a layer reads what its attention adds, so that displacing the attention also changes the "
        "MLP's output, except where both run side by side (GPT-NeoX)",
    )
    loss: Literal["cosine", "squared"] = Field(
        "cosine",
        description="1 - cosine of state and target (the loss of SemAlign), or their squared distance divided by that "
        "of the untouched student",
    )
    layer_loss_weight: float = Field(1.0, gt=0, description="weight of the layer loss")
    divergence_weight: float = Field(
        0.0,
        ge=0,
        description="weight of the KL divergence to the teacher's stored logits, added to the layer loss",
    )
    label_loss_weight: float = Field(
        0.0, ge=0, description="weight of cross-entropy on the answers, added to the layer loss"
    )

    @model_validator(mode="after")
    def _reaches_the_layer(self) -> Self:
        """Some adapted matrix must act on the steered output, which alone is trained without a loss on the answers."""
        above = ["head"]
        if self.interface == "attention" and self.layers in ("first", "last"):
            above += ["gate", "up", "down"]
        if self.layer_local and all(name in above for name in self.lora.projections):
            names = ", ".join(self.lora.projections)
            where = "the attention" if len(above) > 1 else "a layer"
            raise ValueError(
                f"found lora.projections {names}, which come after the output of {where} that is steered; expected one "
                "that comes before, or a loss on the answers"
            )
        return self

    @property
    def layer_local(self) -> bool:
        """Whether nothing above the deepest steered layer runs in training."""
        return not (self.divergence_weight or self.label_loss_weight)

    @property
    def reads_itself(self) -> bool:
        """A displacement is added to the student's own states."""
        return True

    @property
    def needs(self) -> tuple[str, ...]:
        """The pairing if paired layers are steered, and the teacher's logits if they are distilled as well."""
        return (*super().needs, *(("logits",) if self.divergence_weight else ()))
