"""The stages that read signals off a teacher, so that it need not be in memory while the student trains.

Attribution, pairing, activations and alignment lead to SemAlign's targets; the others serve one baseline each.
"""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from semalign.config.base import Strict


class Attribution(Strict):
    """Which teacher layers carry the task (paper section on layer attribution)."""

    score: Literal["gradient-x-activation", "random"] = Field(
        "gradient-x-activation",
        description="how a layer is scored: loss gradient times activation; or, as a control, at random",
    )
    granularity: Literal["layer", "sublayer", "neuron"] = Field(
        "layer",
        description="whose activations: the layer's output, or the parts whose scores add up to the layer's: its "
        "attention and MLP outputs, or its MLP neurons",
    )
    reduction: Literal["abs-of-sum", "abs-sum", "signed"] = Field(
        "abs-of-sum",
        description="how tokens and channels become one number an example; the paper leaves it open",
    )
    examples: int | None = Field(
        None, ge=1, description="how many examples of the extract split are read; null reads all of them"
    )
    seed: int = Field(0, ge=0, description="draws random scores; one draw serves all seeds of a study")


class Pairing(Strict):
    """Which student layer answers to a critical teacher layer (paper section on layer pairing)."""

    rule: Literal["depth", "cka", "last", "random"] = Field(
        "depth",
        description="depth map with the deeper-or-equal rule; the student layer most alike by debiased CKA on the "
        "extract split; the last layers of both, whatever the attribution; or, as a control, layers drawn at random",
    )
    interpolate: bool = Field(
        True,
        description="interpolate two adjacent teacher layers where the depth ratio is not whole; depth rule only",
    )
    pairs: int | Literal["all"] = Field(
        1,
        description="how many of the most critical teacher layers are paired (rules last and random: how many "
        "layers); all: every student layer with its counterpart on the depth map, depth rule only",
    )
    seed: int = Field(0, ge=0, description="draws random layers; one draw serves all seeds of a study")

    @field_validator("pairs")
    @classmethod
    def _at_least_one(cls, value: int | str) -> int | str:
        if isinstance(value, int) and value < 1:
            raise ValueError("expected a whole number from 1 on, or `all`")
        return value

    @model_validator(mode="after")
    def _all_by_depth(self) -> Self:
        if self.pairs == "all" and self.rule != "depth":
            raise ValueError(
                f"pairing.pairs: found `all` with rule `{self.rule}`, which gives no layer to every student layer; "
                "expected a whole number, or rule `depth`"
            )
        return self


class Activations(Strict):
    """Which of the teacher's states are stored (paper section on representation steering)."""

    interface: Literal["mlp", "attention", "contribution", "block"] = Field(
        "mlp",
        description="where states are read, before the residual addition; the paper leaves the sublayer open",
    )
    batch_size: int = Field(32, ge=1, description="examples a forward pass")


class Alignment(Strict):
    """How a teacher state becomes a target in the student's space (paper section on semantic alignment)."""

    map: str = Field(
        "pinv", description="name of the teacher-to-student map, `python -m semalign list maps` lists them"
    )
    fold_final_norm: bool = Field(
        False, description="fold the final norm's gain into the LM head first; the paper leaves it open"
    )
    top: int | None = Field(
        None,
        ge=1,
        description="keep a state's largest coefficients only, so many of the vocabulary's; null keeps all (paper)",
    )
    shuffled: bool = Field(
        False, description="as a control, give every position the target of another one, drawn at random"
    )
    seed: int = Field(
        0,
        ge=0,
        description="seed of maps that draw random bases, and of shuffled targets; one draw serves all seeds of a "
        "study",
    )
    minimum_shared: float = Field(
        0.5, gt=0, le=1, description="least share of the student's vocabulary that the teacher must have"
    )


class Logits(Strict):
    """The teacher's next-token distribution at the answers, for distillation."""

    top_k: int = Field(
        64, ge=1, description="likeliest tokens whose log-probabilities are stored; the rest is one mass"
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
    seed: int = Field(0, ge=0, description="draws random windows; one draw serves all seeds of a study")


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
    stages = {name for direct in UPSTREAM.get(stage, ()) for name in (direct, *behind(direct))}
    return tuple(name for name in STAGES if name in stages)
