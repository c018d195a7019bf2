"""The stages that read signals off a teacher, so that it need not be in memory while the student trains.

Attribution, pairing, activations and alignment lead to SemAlign's targets; the others serve one baseline each.
"""

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


class Logits(Strict):
    """The teacher's next-token distribution at the answers, for distillation."""

    top_k: int = Field(
        64, ge=1, description="largest logits that are stored a position; the rest is one mass"
    )
    temperature: float = Field(1.0, gt=0, description="temperature of both distributions")
    batch_size: int = Field(32, ge=1, description="examples a forward pass")


class States(Strict):
    """The teacher's final states at the answers: with its LM head they are its whole distribution."""

    batch_size: int = Field(32, ge=1, description="examples a forward pass")


class Units(Strict):
    """The teacher's final states at the dimensions that the task's loss depends on most (Flex-KD)."""

    batch_size: int = Field(32, ge=1, description="examples a forward pass")


class Extraction(Strict):
    """The windows of the teacher's weights that the task is most sensitive to, and their factors (Seeking)."""

    rank: int = Field(16, ge=1, description="rank of a window's factors; follows the method's lora.rank")
    projections: list[str] = Field(
        ["up", "down", "v", "o"],
        min_length=1,
        description="of q, k, v, o, gate, up, down, embedding, head; follows the method's lora.projections",
    )
    windows: Literal["sensitive", "random"] = Field(
        "sensitive", description="the most sensitive window of a kept layer's matrix, or, as a control, any"
    )
    seed: int = Field(0, ge=0, description="draws random windows")


class Location(Strict):
    """The layers and neurons of both models that carry the answer (LaTen)."""

    rate: float = Field(0.1, gt=0, le=1, description="share of a layer's neurons; follows the method's rate")
    as_released: bool = Field(False, description="the released scorer; follows the method's as_released")
    final_seed: int = Field(
        42, ge=0, description="draws the train example whose neurons the final injection uses"
    )


class Signals(Strict):
    """The stages in their order."""

    attribution: Attribution = Attribution()
    pairing: Pairing = Pairing()
    activations: Activations = Activations()
    alignment: Alignment = Alignment()
    logits: Logits = Logits()
    units: Units = Units()
    extraction: Extraction = Extraction()
    location: Location = Location()
    states: States = States()


# a stage -> the stages that it is made from; a stage that is not here needs none
UPSTREAM: dict[str, tuple[str, ...]] = {
    "pairing": ("attribution",),
    "activations": ("pairing",),
    "alignment": ("pairing", "activations"),
}
STAGES = tuple(Signals.model_fields)


def behind(stage: str) -> tuple[str, ...]:
    """The stages that one is made from, directly or not, in the order of STAGES."""
    found = {name for direct in UPSTREAM.get(stage, ()) for name in (direct, *behind(direct))}
    return tuple(name for name in STAGES if name in found)
