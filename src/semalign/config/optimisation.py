"""Settings of the optimiser: AdamW, its learning-rate schedule, and the length of a training run."""

from typing import Literal, Self

from pydantic import Field, model_validator

from semalign.config.base import Strict

Schedule = Literal["constant", "linear", "cosine", "wsd"]


class Optimisation(Strict):
    """AdamW with warm-up and a learning-rate schedule. The defaults are the paper's for steering (section 4.1)."""

    learning_rate: float = Field(3e-4, gt=0, le=1, description="peak learning rate")
    epochs: float | None = Field(
        5, gt=0, le=1_000_000, description="passes over the training data; ignored if `steps` is set"
    )
    steps: int | None = Field(
        None, ge=1, le=10**9, description="number of updates; takes precedence over `epochs`"
    )
    batch_size: int = Field(64, ge=1, le=1_000_000, description="examples per update")
    micro_batch: int | None = Field(
        None,
        ge=1,
        description="examples of a batch that are in memory at once; null: all. The gradient is the same except for "
        "rounding and dropout",
    )
    examples: int | None = Field(
        None, ge=1, description="train on the first n examples of the train split; null: all"
    )
    weight_decay: float = Field(
        0.0, ge=0, le=1, description="decoupled weight decay; multiplied by the learning rate"
    )
    beta1: float = Field(0.9, ge=0, lt=1, description="decay rate of the running mean of the gradient")
    beta2: float = Field(
        0.999, ge=0, lt=1, description="decay rate of the running mean of the squared gradient"
    )
    warmup: float = Field(
        0.03, ge=0, lt=1, description="share of the steps over which the learning rate rises from 0"
    )
    schedule: Schedule = Field(
        "linear",
        description="learning rate after warm-up: `constant`; `linear` or `cosine` decay to 0; `wsd`: constant up to "
        "60 % of the steps, then linear decay to 2 % of the peak",
    )
    clip_norm: float = Field(
        1.0, gt=0, le=1e12, description="maximum norm of the gradient over all parameters"
    )

    @model_validator(mode="after")
    def _has_a_length(self) -> Self:
        if self.epochs is None and self.steps is None:
            raise ValueError("found neither epochs nor steps, expected one of them")
        return self
