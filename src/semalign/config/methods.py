"""Settings that all methods share. Those of a single method are in its file under `semalign/methods/`."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from semalign.config.base import Strict
from semalign.config.optimisation import Optimisation
from semalign.config.search import Rate

Layers = Literal["paired", "first", "last", "all"]
PairedOrAll = Literal["paired", "all"]
MAX_RANK = 65_536  # wider than any matrix of a layer
# signal stages whose result says, for each position, where a layer's states should move
TARGETS = ("alignment", "residual", "pullback", "oracle")


class Lora(Strict):
    """The LoRA adapter that the method trains (paper section on representation steering)."""

    rank: int = Field(16, ge=1, le=MAX_RANK, description="rank of the adapter of each matrix")
    alpha: float = Field(
        16.0,
        gt=0,
        le=1e6,
        description="the adapter is scaled by alpha / rank; the paper does not give the value",
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout probability on the input of the adapter")
    projections: list[str] = Field(
        ["up", "down", "v", "o"],
        min_length=1,
        description="matrices of an adapted layer that get an adapter, by short name (q, k, v, o, gate, up, down)",
    )


class MethodSettings(Strict):
    """Settings of every method.

    `trained` is false for a method without randomness, which runs with a single seed. `separate` names projections
    that must be matrices of their own in teacher and student. With `deep_teacher`, the teacher must have at least as
    many layers as the student. A method narrows `method` to its name: `method: Literal["sft"] = "sft"`.
    """

    trained: ClassVar[bool] = True
    separate: ClassVar[tuple[str, ...]] = ()
    deep_teacher: ClassVar[bool] = False

    method: str = Field(description="name of the method")
    title: str | None = Field(
        None,
        min_length=1,
        max_length=60,
        description="printed name in tables and figures; null: made from the method's own and its name in the config",
    )
    rung: bool = Field(
        False,
        description="true: the method is only a rung of `analysis.ladder`, and has no row in the main table, its tests "
        "and its figures",
    )
    signals: dict[str, Any] = Field(
        {},
        description="changes to the signal stages for this method only, by dotted key, such as `alignment.map: random`",
    )
    learning_rates: list[Rate] | None = Field(
        None,
        min_length=1,
        description="learning rates to try with this method, the same number as in search.learning_rates; null: those "
        "in search.learning_rates",
    )
    benchmarks: list[str] | None = Field(
        None,
        min_length=1,
        description="benchmarks that the method is trained on; null: all those of a pair. The student and the teacher "
        "are scored on all",
    )
    search: dict[str, Annotated[list[Any], Field(json_schema_extra={"minItems": 2})]] = Field(
        {},
        description="values of other settings to try in all combinations with `learning_rates`, by dotted key, such as "
        "`lora.rank: [4, 16]`; the number of combinations is that of search.learning_rates",
    )
    searched: bool = Field(
        True,
        description="false: the method has no search; its own `optimisation.learning_rate` is used, and must be given",
    )
    by_benchmark: dict[str, dict[str, Any]] = Field(
        {},
        description="benchmark -> changes to this method's settings on it, by dotted key, such as "
        "`optimisation.epochs: 3`",
    )

    @field_validator("title")
    @classmethod
    def _is_one_line(cls, title: str | None) -> str | None:
        if title is not None and not (title.isprintable() and title == title.strip()):
            raise ValueError("expected printable characters, without white space at either end")
        return title

    @property
    def needs(self) -> tuple[str, ...]:
        """The signal stages that must finish before the method runs."""
        return ()

    @property
    def demands(self) -> dict[str, Any]:
        """Settings of signal stages that follow from the method's own settings, as dotted keys."""
        return {}

    @property
    def steers_to(self) -> str:
        """The signal stage whose targets the states of a layer are trained towards; empty without such a loss."""
        if not getattr(self, "layer_loss_weight", 0):
            return ""
        return next((stage for stage in self.needs if stage in TARGETS), "")


def refuse_portions(optimisation: Optimisation, why: str) -> None:
    """Raise ValueError if micro-batches are requested for a loss that is not a sum over examples."""
    if optimisation.micro_batch is not None:
        raise ValueError(
            f"optimisation.micro_batch: found {optimisation.micro_batch}, expected null, since {why}"
        )


class Adapted(MethodSettings):
    """A method that trains a LoRA adapter on some layers of the student."""

    layers: Layers = Field(
        "paired", description="layers to adapt: the paired ones, only the first, only the last, or all"
    )
    lora: Lora = Lora()
    optimisation: Optimisation = Optimisation()

    @property
    def layer_local(self) -> bool:
        """Whether nothing above the deepest steered layer runs in training: no loss reads the answers' logits."""
        return False

    @property
    def reads_itself(self) -> bool:
        """Whether the student's own states are read before the training."""
        return False

    @property
    def trainings(self) -> int:
        """Number of trainings in a row, each with the settings' epochs and with new targets."""
        return 1

    @property
    def needs(self) -> tuple[str, ...]:
        """The layer pairing, if paired layers are adapted."""
        return ("pairing",) if self.layers == "paired" else ()


class Ordered(Adapted):
    """A method that trains the paired layers jointly, or one after the other (`semalign.methods.common.phases`)."""

    layers: PairedOrAll = Field(
        "paired",
        description="layers to adapt: the paired ones, or all; the layer loss covers the paired ones",
    )
    order: Literal["joint", "shallow-to-deep"] = Field(
        "joint",
        description="train the paired layers jointly, or one after the other with an equal share of the updates each; "
        "pairing.pairs sets their number",
    )

    @model_validator(mode="after")
    def _has_an_order(self) -> Self:
        if self.order == "joint":
            return self
        if self.layers == "all":
            raise ValueError(
                "found order shallow-to-deep with layers all, expected layers paired: only paired layers have targets"
            )
        whole = [name for name in self.lora.projections if name in ("embedding", "head")]
        if whole:
            raise ValueError(
                f"found order shallow-to-deep with lora.projections {whole[0]}, expected projections within a layer"
            )
        return self
