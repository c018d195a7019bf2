"""Settings of the signal stages that store where a student's states should move: one displacement per token."""

from typing import Literal

from pydantic import Field

from semalign.config.base import Seed, Strict


class Residual(Strict):
    """The difference between what teacher and student predict, recomposed on the student's semantic bases."""

    bases: Literal["pinv", "pinv-raw", "head-rows", "input-side", "random"] = Field(
        "pinv",
        description="student's vector of each token: unit columns of the LM head's pseudoinverse (`pinv`, the paper's "
        "semantic bases), the same with their own lengths (`pinv-raw`), rows of the LM head (`head-rows`), unit rows "
        "of the input embedding (`input-side`), or random unit vectors as a control",
    )
    fold_final_norm: bool = Field(False, description="fold the gain of the final norm into the LM head first")
    source: Literal["teacher", "labels", "shuffled", "student"] = Field(
        "teacher",
        description="distribution that the student's is compared with: the teacher's; all mass on the answer's token "
        "(`labels`); as controls, the teacher's at another position (`shuffled`), or the student's own, sharpened "
        "(`student`)",
    )
    temperature: float = Field(1.0, gt=0, le=1e3, description="temperature of both distributions")
    seed: Seed = Field(
        0,
        description="seed of random bases and of shuffled positions; all seeds of a study share the same draw",
    )
    batch_size: int = Field(32, ge=1, le=1_000_000, description="examples per forward pass of the student")


class Pullback(Strict):
    """Displacements of the student's states with which its own upper layers predict what the teacher predicts."""

    steps: int = Field(30, ge=1, le=1_000_000, description="Adam updates per example")
    rate: float = Field(
        0.1,
        gt=0,
        description="learning rate of the displacements, in units of the root mean square of the student's own state",
    )
    proximity: float = Field(
        0.1,
        ge=0,
        description="weight of the displacement's squared norm divided by that of the student's own state, added to "
        "the KL divergence in nats",
    )
    batch_size: int = Field(8, ge=1, le=1_000_000, description="examples that are solved at once")


class Oracle(Strict):
    """How far another method moves the student's states, as targets that are known to be reachable (a control)."""

    of: str = Field("distill-logits", description="method of the study whose trained student is read")
    seed: Seed = Field(1000, description="seed of that student, which must not be a seed of the study")
    batch_size: int = Field(32, ge=1, le=1_000_000, description="examples per forward pass")
