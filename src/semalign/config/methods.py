"""Settings that all methods share; each method's own are in its file under `semalign/methods/`."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from semalign.config.base import Strict
from semalign.config.optimisation import Optimisation
from semalign.config.search import Rate

Layers = Literal["paired", "all"]


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
    """Settings of every method; `trained` is false for a method without randomness, which has a single seed.

    A method narrows `method` to its name: `method: Literal["sft"] = "sft"`.
    """

    trained: ClassVar[bool] = True

    method: str = Field(description="the method's name")
    signals: dict[str, Any] = Field(
        {},
        description="changes to the signal stages for this method alone, as dotted keys (alignment.map: random)",
    )
    learning_rates: list[Rate] | None = Field(
        None,
        min_length=1,
        description="rates to choose from, as many as search.learning_rates has; null takes those",
    )
    by_benchmark: dict[str, dict[str, Any]] = Field(
        {},
        description="benchmark -> changes to the method's own settings there, as dotted keys (optimisation.epochs: 3)",
    )

    @property
    def needs(self) -> tuple[str, ...]:
        """The signal stages that must be made before the method runs."""
        return ()

    @property
    def demands(self) -> dict[str, Any]:
        """Settings of signal stages that follow from the method's own, as dotted keys."""
        return {}


def refuse_portions(optimisation: Optimisation, why: str) -> None:
    """Raise ValueError if a batch is to be cut into parts whose losses don't add up to its own."""
    if optimisation.micro_batch is not None:
        raise ValueError(
            f"optimisation.micro_batch: found {optimisation.micro_batch}, expected null, since {why}"
        )


class Adapted(MethodSettings):
    """A method that trains a LoRA adapter on some layers of the student."""

    layers: Layers = Field("paired", description="adapt the paired layers only, or all of them")
    lora: Lora = Lora()
    optimisation: Optimisation = Optimisation()

    @property
    def needs(self) -> tuple[str, ...]:
        """Which layers are paired, unless all are adapted."""
        return ("pairing",) if self.layers == "paired" else ()
