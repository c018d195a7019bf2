"""Methods that steer layers of the student towards its own states plus a displacement.

SemAlign replaces a state by one that was mapped from the teacher; these methods keep the state and move it. They share
the settings below and the training (`training`), and differ in where the displacement comes from:

- `semantic_residual`: the teacher's predictions minus the student's, recomposed on the student's semantic bases.
- `pullback`: solved for through the student's upper layers.
- `oracle`: a student that another method has trained (a control).

`residual_start` steers by the semantic residual first, and distils the teacher's logits from there.
"""

from typing import Annotated, Literal

from pydantic import Field

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
        "up",
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
