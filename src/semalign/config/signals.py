"""The four stages that turn a teacher into targets: attribution, pairing, activations, alignment."""

from typing import Literal

from pydantic import Field

from semalign.config.base import Strict


class Attribution(Strict):
    """Which teacher layers carry the task (paper section on layer attribution)."""

    score: Literal["gradient-x-activation"] = Field(
        "gradient-x-activation", description="how a layer is scored: loss gradient times layer output"
    )
    reduction: Literal["abs-of-sum", "abs-sum", "signed"] = Field(
        "abs-of-sum",
        description="how tokens and channels become one number an example; the paper leaves it open",
    )
    examples: int | None = Field(
        None, ge=1, description="how many examples of the extract split are read; null reads all of them"
    )


class Pairing(Strict):
    """Which student layer answers to a critical teacher layer (paper section on layer pairing)."""

    rule: Literal["depth"] = Field("depth", description="depth map with the deeper-or-equal rule")
    interpolate: bool = Field(
        True, description="interpolate two adjacent teacher layers where the depth ratio is not whole"
    )
    layers: int = Field(1, ge=1, description="how many of the most critical teacher layers are paired")


class Activations(Strict):
    """Which of the teacher's states are stored (paper section on representation steering)."""

    interface: Literal["mlp", "attention", "contribution", "block"] = Field(
        "mlp",
        description="where states are read, before the residual addition; the paper leaves the sublayer open",
    )
    batch_size: int = Field(32, ge=1, description="examples a forward pass")


class Alignment(Strict):
    """How a teacher state becomes a target in the student's space (paper section on semantic alignment)."""

    map: str = Field("pinv", description="name of the teacher-to-student map, see semalign/semantics/maps.py")
    fold_final_norm: bool = Field(
        False, description="fold the final norm's gain into the LM head first; the paper leaves it open"
    )
    seed: int = Field(0, ge=0, description="seed of maps that draw random bases")
    minimum_shared: float = Field(
        0.5, gt=0, le=1, description="least share of the student's vocabulary that the teacher must have"
    )


class Signals(Strict):
    """The four stages in their order."""

    attribution: Attribution = Attribution()
    pairing: Pairing = Pairing()
    activations: Activations = Activations()
    alignment: Alignment = Alignment()


STAGES = tuple(Signals.model_fields)
