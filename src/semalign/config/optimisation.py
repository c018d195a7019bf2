"""How a training is optimised: AdamW, its learning rate over time, and for how long."""

from typing import Literal, Self

from pydantic import Field, model_validator

from semalign.config.base import Strict

Schedule = Literal["constant", "linear", "cosine", "wsd"]


class Optimisation(Strict):
    """AdamW with a warm-up and a schedule; the defaults are the paper's for steering (section 4.1)."""

    learning_rate: float = Field(3e-4, gt=0, le=1, description="peak learning rate")
    epochs: float | None = Field(5, gt=0, description="passes over the data; unused where steps is given")
    steps: int | None = Field(None, ge=1, description="updates; wins over epochs")
    batch_size: int = Field(64, ge=1, description="examples an update")
    micro_batch: int | None = Field(
        None,
        ge=1,
        description="examples of an update that are in memory at once; null: all. The gradient is the same but for "
        "rounding and dropout",
    )
    examples: int | None = Field(
        None, ge=1, description="only so many of the train split's examples, its first; null: all"
    )
    weight_decay: float = Field(0.0, ge=0, le=1, description="decoupled decay, times the learning rate")
    beta1: float = Field(0.9, ge=0, lt=1, description="decay of the gradient's running mean")
    beta2: float = Field(0.999, ge=0, lt=1, description="decay of the squared gradient's running mean")
    warmup: float = Field(0.03, ge=0, lt=1, description="share of the steps over which the rate rises from 0")
    schedule: Schedule = Field(
        "linear",
        description="after warm-up: constant; linear or cosine to 0; wsd: flat to 60 %, then linear to 2 %",
    )
    clip_norm: float = Field(1.0, gt=0, description="largest norm of the whole gradient")

    @model_validator(mode="after")
    def _has_a_length(self) -> Self:
        if self.epochs is None and self.steps is None:
            raise ValueError("give epochs or steps")
        return self
