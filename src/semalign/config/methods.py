"""Settings of every method, discriminated by `method`.

A new method adds a class here, a line in the union, a file in `semalign/methods/` and a line in its registry.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from semalign.config.base import Strict
from semalign.config.optimisation import Optimisation


class Lora(Strict):
    """The low-rank adapter that a method trains (paper section on representation steering)."""

    rank: int = Field(16, ge=1, description="rank of every adapted matrix")
    alpha: float = Field(16.0, gt=0, description="scale is alpha / rank; the paper leaves it open")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout on the adapter's input")
    projections: list[str] = Field(
        ["up", "down", "v", "o"],
        min_length=1,
        description="which matrices of an adapted layer have an adapter",
    )


class MethodSettings(Strict):
    """What every method shares; `trained` is false for one without randomness, which then has a single seed."""

    trained: ClassVar[bool] = True

    signals: dict[str, Any] = Field(
        {},
        description="changes to the signal stages for this method alone, as dotted keys (alignment.map: random)",
    )

    @property
    def needs(self) -> tuple[str, ...]:
        """The signal stages that must be made before the method runs."""
        return ()


class Student(MethodSettings):
    """The untouched student."""

    trained: ClassVar[bool] = False
    method: Literal["student"] = "student"


class Teacher(MethodSettings):
    """The untouched teacher."""

    trained: ClassVar[bool] = False
    method: Literal["teacher"] = "teacher"


class Sft(MethodSettings):
    """Supervised fine-tuning: cross-entropy on the answers through LoRA."""

    method: Literal["sft"] = "sft"
    layers: Literal["paired", "all"] = Field(
        "paired", description="adapt the paired layers only, or all of them"
    )
    lora: Lora = Lora()
    optimisation: Optimisation = Optimisation()

    @property
    def needs(self) -> tuple[str, ...]:
        """Which layers are paired, unless all are adapted."""
        return ("pairing",) if self.layers == "paired" else ()


class SemAlign(MethodSettings):
    """Latent semantic alignment, version 1 of the paper."""

    method: Literal["semalign"] = "semalign"
    layer_loss_weight: float = Field(1.0, ge=0, description="weight of the layer loss; 1 in the paper")
    label_loss: Literal["cosine-logits", "cross-entropy"] = Field(
        "cosine-logits", description="loss on the final logits; cosine to the one-hot label in the paper"
    )
    label_loss_weight: float = Field(1.0, ge=0, description="weight of the label loss; 1 in the paper")
    lora: Lora = Lora()
    optimisation: Optimisation = Optimisation()

    @property
    def needs(self) -> tuple[str, ...]:
        """Targets of the paired layers."""
        return ("alignment",)


Method = Annotated[Student | Teacher | Sft | SemAlign, Field(discriminator="method")]
