"""A model that is cut out of its teacher and healed by it."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from semalign.config.base import SPLITS, Strict
from semalign.config.benchmarks import Mixture


class BenchmarkText(Strict):
    """Items of a benchmark that no split of the experiment holds, each prompt and answer a document."""

    benchmark: str = Field(description="a benchmark of the study")
    split: str = Field("heal", description="a split of its folder that no method and no score reads")

    @field_validator("split")
    @classmethod
    def _apart(cls, split: str) -> str:
        if split in SPLITS:
            raise ValueError("the experiment reads that split; expected one that it does not, as `heal`")
        return split


class FileText(Strict):
    """A file of the user's own; that it holds nothing of the experiment's items is theirs to see to."""

    path: str = Field(
        min_length=1,
        description="a .txt file (one document), or a .jsonl file (an object with `text`, or with `prompt` and "
        "`answer`, a line); relative to the working directory",
    )


class Healing(Strict):
    """Distillation of the teacher into what is left of it, all weights, one pass over the documents."""

    tokens: int = Field(
        60_000, ge=1, description="tokens to read; where the documents hold fewer, they are read again"
    )
    learning_rate: float = Field(4e-4, gt=0, le=1, description="peak learning rate of AdamW")
    warmup: float = Field(0.03, ge=0, lt=1, description="share of the updates before the rate falls linearly")
    batch_tokens: int = Field(900, ge=2, description="tokens an update, at most, padding included")
    top_k: int = Field(
        32, ge=1, description="the teacher's likeliest tokens that are matched one by one; the rest as one"
    )
    hidden_weight: float = Field(
        1.0, ge=0, description="weight of the hidden states' squared error beside the divergence"
    )
    hidden_layers: int = Field(4, ge=1, description="layers whose states are matched, evenly over the depth")
    checkpoint_every: int = Field(50, ge=1, description="updates between checkpoints")


def _kind(text: Any) -> str:
    has_path = "path" in text if isinstance(text, dict) else isinstance(text, FileText)
    return "file" if has_path else "benchmark"


Text = Annotated[
    Annotated[BenchmarkText, Tag("benchmark")] | Annotated[FileText, Tag("file")], Discriminator(_kind)
]


class PrunedModel(Strict):
    """A model of the study made smaller: fewer layers, feed-forward channels and hidden channels, then healed."""

    teacher: str = Field(description="the model of the study that is pruned (of the Llama family)")
    layers: int | None = Field(None, ge=1, description="layers to keep; null: all of the teacher's")
    feed_forward: int | None = Field(
        None, ge=1, description="channels to keep inside a feed-forward network; null: all"
    )
    width: int | None = Field(
        None,
        ge=1,
        description="size of the hidden state, a multiple of the attention heads; null: the teacher's",
    )
    text: list[Text] = Field(
        min_length=1, description="documents to calibrate and heal on, apart from the experiment's items"
    )
    calibration_tokens: int = Field(6000, ge=1, description="tokens that the cuts are chosen and refitted on")
    positions: int = Field(
        512, ge=2, description="longest piece of a document in tokens; longer ones are cut"
    )
    healing: Healing | None = Field(Healing(), description="null leaves the pruned model as it is")
    seed: int = Field(0, ge=0, description="seed of the documents' order")

    @model_validator(mode="after")
    def _cuts_something(self) -> Self:
        if self.layers is None and self.feed_forward is None and self.width is None:
            raise ValueError("expected at least one of layers, feed_forward and width")
        return self


def check_source(key: str, model: Any, models: Mapping[str, Any], benchmarks: Mapping[str, Any]) -> None:
    """Whether the study has what a pruned model is made from; raises ValueError naming what it has not."""
    seen = [model]
    while isinstance(seen[-1], PrunedModel):
        teacher = seen[-1].teacher
        if teacher not in models:
            raise ValueError(f"{key}.teacher: found {teacher!r}, expected one of {', '.join(models)}")
        if models[teacher] in seen:
            raise ValueError(
                f"{key}.teacher: found {teacher!r}, expected a model that is not made from this one"
            )
        seen.append(models[teacher])
    for text in getattr(model, "text", []):
        named = getattr(text, "benchmark", None)
        plain = [name for name, benchmark in benchmarks.items() if not isinstance(benchmark, Mixture)]
        if named is not None and named not in plain:
            raise ValueError(
                f"{key}.text: found benchmark {named!r}, expected one of {', '.join(plain) or 'none (empty section)'}"
            )
