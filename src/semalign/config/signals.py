"""Settings of the signal stages, which read a teacher so that it need not be in memory while the student trains.

Attribution, pairing, activations and alignment lead to the targets of SemAlign. The others serve one baseline each.
"""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from semalign.config.base import Seed, Strict
from semalign.config.displacements import Oracle, Pullback, Residual


class Attribution(Strict):
    """How the teacher layers that matter most for the task are found (paper section on layer attribution)."""

    score: Literal["gradient-x-activation", "random"] = Field(
        "gradient-x-activation",
        description="score of a layer: gradient of the loss times activation, or a random score as a control",
    )
    granularity: Literal["layer", "sublayer", "neuron"] = Field(
        "layer",
        description="activations that are scored: the output of the layer; or those of its parts, whose scores are "
        "added up: attention and MLP outputs (`sublayer`), or MLP neurons (`neuron`)",
    )
    reduction: Literal["abs-of-sum", "abs-sum", "signed"] = Field(
        "abs-of-sum",
        description="how the products at all tokens and channels become one number per example: absolute value of the "
        "sum, sum of absolute values, or plain sum; the paper does not specify it",
    )
    examples: int | None = Field(
        None, ge=1, description="number of examples of the extract split to read; null: all"
    )
    seed: Seed = Field(
        0, description="seed of random scores; all seeds of a study share the same random scores"
    )


class Pairing(Strict):
    """How critical teacher layers are paired with student layers (paper section on layer pairing)."""

    rule: Literal["depth", "segment", "cka", "last", "random"] = Field(
        "depth",
        description="`depth`: depth map with the deeper-or-equal rule (paper); `segment`: each student layer with the "
        "most critical of the teacher layers that the depth map gives to it; `cka`: the most similar student layer "
        "by debiased CKA on the extract split; `last`: the last layers of both models; `random`: random layers, as a "
        "control. `last` and `random` ignore the attribution",
    )
    interpolate: bool = Field(
        True,
        description="interpolate between two adjacent teacher layers if the depth ratio is not an integer; rule "
        "`depth` only",
    )
    pairs: int | Literal["all"] = Field(
        1,
        description="number of layer pairs, from the most critical teacher layer downwards; `all`: pair every student "
        "layer, rules `depth` and `segment` only",
    )
    seed: Seed = Field(
        0, description="seed of random layers; all seeds of a study share the same random layers"
    )

    @field_validator("pairs")
    @classmethod
    def _at_least_one(cls, value: int | str) -> int | str:
        if isinstance(value, int) and value < 1:
            raise ValueError("expected at least 1, or all")
        return value

    @model_validator(mode="after")
    def _all_by_depth(self) -> Self:
        if self.pairs == "all" and self.rule not in ("depth", "segment"):
            raise ValueError(
                f"pairs: found `all` with rule `{self.rule}`, which does not pair every student layer; "
                "expected a whole number, or rule `depth` or `segment`"
            )
        return self


class Activations(Strict):
    """Which hidden states of the teacher are stored (paper section on representation steering)."""

    interface: Literal["mlp", "attention", "contribution", "block"] = Field(
        "mlp",
        description="output that is read: of the MLP or the attention before the residual addition, what the whole "
        "layer adds to the residual stream (`contribution`), or the output of the layer (`block`); the paper does not "
        "specify it",
    )
    batch_size: int = Field(32, ge=1, le=1_000_000, description="examples per forward pass")


class Alignment(Strict):
    """How a teacher state is mapped to a target in the student's space (paper section on semantic alignment)."""

    map: str = Field(
        "pinv", description="name of the teacher-to-student map; `python -m semalign list maps` lists all"
    )
    fold_final_norm: bool = Field(
        False,
        description="fold the gain of the final norm into the LM head first; the paper does not specify it",
    )
    top: int | None = Field(
        None,
        ge=1,
        description="number of coefficients (one per token of the vocabulary) to keep of a state, the largest ones; "
        "null: all (paper)",
    )
    shuffled: bool = Field(
        False, description="as a control, give each position the target of another position, drawn at random"
    )
    seed: Seed = Field(
        0,
        description="seed of random bases and of shuffled targets; all seeds of a study share the same draw",
    )
    minimum_shared: float = Field(
        0.5,
        gt=0,
        le=1,
        description="minimum share of the student's vocabulary that the teacher must have; below it, the run stops",
    )
    untrained_rows: Literal["leave-out", "keep"] = Field(
        "leave-out",
        description="rows of the LM head and the embedding that were never trained (`leave-out`: not in the bases and "
        "not among the shared tokens; `keep`: like all others); the paper does not mention them",
    )


class Logits(Strict):
    """The teacher's next-token distributions at the answer tokens, for logit distillation."""

    top_k: int = Field(
        64,
        ge=1,
        le=1_000_000,
        description="number of most likely tokens whose log-probabilities are stored; for all others, only their total "
        "probability is stored",
    )
    temperature: float = Field(
        1.0, gt=0, description="temperature of the teacher's and student's distributions"
    )
    batch_size: int = Field(32, ge=1, le=1_000_000, description="examples per forward pass")


class States(Strict):
    """The teacher's final hidden states at the answer tokens; with its LM head they give the full distribution."""

    batch_size: int = Field(32, ge=1, le=1_000_000, description="examples per forward pass")


class Units(Strict):
    """The dimensions of the teacher's final hidden state that the task loss depends on most (Flex-KD)."""

    batch_size: int = Field(32, ge=1, le=1_000_000, description="examples per forward pass")


class Extraction(Strict):
    """Low-rank factors of the windows of the teacher's weights that the task is most sensitive to (Seeking)."""

    rank: int = Field(
        16, ge=1, le=65_536, description="rank of a window's factors; set from the method's lora.rank"
    )
    projections: list[str] = Field(
        ["up", "down", "v", "o"],
        min_length=1,
        description="matrices to extract from: q, k, v, o, gate, up, down, embedding, head; set from the method's "
        "lora.projections",
    )
    windows: Literal["sensitive", "random"] = Field(
        "sensitive", description="window of a matrix: the most sensitive one, or a random one as a control"
    )
    seed: Seed = Field(
        0, description="seed of random windows; all seeds of a study share the same random windows"
    )


class Location(Strict):
    """The layers and neurons of both models that are most responsible for the answer (LaTen)."""

    rate: float = Field(
        0.1, gt=0, le=1, description="share of a layer's neurons to locate; set from the method's `rate`"
    )
    as_released: bool = Field(
        False, description="score neurons as the released code does; set from the method's `as_released`"
    )
    final_seed: Seed = Field(
        42, description="seed that draws the train example whose neurons the final injection uses"
    )


class Signals(Strict):
    """All signal stages, in the order in which they run."""

    attribution: Attribution = Attribution()
    pairing: Pairing = Pairing()
    activations: Activations = Activations()
    alignment: Alignment = Alignment()
    logits: Logits = Logits()
    units: Units = Units()
    extraction: Extraction = Extraction()
    location: Location = Location()
    states: States = States()
    residual: Residual = Residual()
    pullback: Pullback = Pullback()
    oracle: Oracle = Oracle()


# stage -> the stages whose results it reads; a stage that is not listed reads none
UPSTREAM: dict[str, tuple[str, ...]] = {
    "pairing": ("attribution",),
    "activations": ("pairing",),
    "alignment": ("pairing", "activations"),
    "residual": ("states",),
    "pullback": ("pairing", "states"),
    "oracle": ("pairing",),
}
STAGES = tuple(Signals.model_fields)


def stages_before(stage: str) -> tuple[str, ...]:
    """Return the stages that a stage depends on, directly or not, in the order of STAGES."""
    stages = {name for direct in UPSTREAM.get(stage, ()) for name in (direct, *stages_before(direct))}
    return tuple(name for name in STAGES if name in stages)
