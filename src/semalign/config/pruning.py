"""Settings of a model that is pruned from its teacher and then healed by distilling the teacher into it."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from semalign.config.base import SPLITS, Seed, Strict
from semalign.config.benchmarks import Derived, Mixture
from semalign.runtime.suggestions import one_of


class BenchmarkText(Strict):
    """Items of a benchmark that are in none of the experiment's splits; a prompt and its answer are one document."""

    benchmark: str = Field(description="name of a benchmark in `benchmarks`")
    split: str = Field("heal", description="split to read; no method may train on it and no score may use it")

    @field_validator("split")
    @classmethod
    def _apart(cls, split: str) -> str:
        if split in SPLITS:
            raise ValueError("expected a split that the experiment does not read, such as `heal`")
        return split


class FileText(Strict):
    """A user's own file. The user must make sure that it contains none of the experiment's items."""

    path: str = Field(
        min_length=1,
        description="a .txt file (one document), or a .jsonl file (one object per line, with `text` or with `prompt` "
        "and `answer`); relative to the working directory",
    )


class Healing(Strict):
    """Distillation of the teacher into the pruned model, on the documents in `text`. All weights are trained."""

    tokens: int = Field(
        60_000,
        ge=1,
        le=10**12,
        description="tokens to read; documents with fewer tokens in total are read repeatedly",
    )
    learning_rate: float = Field(4e-4, gt=0, le=1, description="peak learning rate of AdamW")
    warmup: float = Field(
        0.03,
        ge=0,
        lt=1,
        description="share of the updates for warm-up; then the learning rate decays linearly",
    )
    batch_tokens: int = Field(
        900, ge=2, le=10**7, description="maximum number of tokens per update, including padding"
    )
    top_k: int = Field(
        32,
        ge=1,
        description="number of the teacher's most likely tokens that are matched individually; all others are matched "
        "as one",
    )
    hidden_weight: float = Field(
        1.0,
        ge=0,
        description="weight of the squared error of the hidden states; the KL divergence has weight 1",
    )
    hidden_layers: int = Field(
        4, ge=1, description="number of layers whose hidden states are matched, evenly spaced over the depth"
    )
    checkpoint_every: int = Field(50, ge=1, description="updates between checkpoints")


def _kind(text: Any) -> str:
    has_path = "path" in text if isinstance(text, dict) else isinstance(text, FileText)
    return "file" if has_path else "benchmark"


Text = Annotated[
    Annotated[BenchmarkText, Tag("benchmark")] | Annotated[FileText, Tag("file")], Discriminator(_kind)
]


class PrunedModel(Strict):
    """A model of the study with layers, feed-forward channels or hidden channels removed, and then healed."""

    teacher: str = Field(description="name of the model in `models` to prune; must be of the Llama family")
    layers: int | None = Field(None, ge=1, description="number of layers to keep; null: all")
    feed_forward: int | None = Field(
        None, ge=1, description="number of feed-forward channels to keep per layer; null: all"
    )
    width: int | None = Field(
        None,
        ge=1,
        description="size of the hidden state to keep, a multiple of the number of attention heads; null: all of it",
    )
    text: list[Text] = Field(
        min_length=1,
        description="documents for choosing what to prune and for healing; must not contain items of the experiment",
    )
    calibration_tokens: int = Field(
        6000,
        ge=1,
        description="number of tokens for choosing what to prune and refitting the remaining weights",
    )
    positions: int = Field(
        512, ge=2, description="maximum length of a document in tokens; longer documents are split"
    )
    healing: Healing | None = Field(
        Healing(), description="how the pruned model is trained; null: it is left as it is"
    )
    seed: Seed = Field(0, description="seed of the documents' order")

    @model_validator(mode="after")
    def _cuts_something(self) -> Self:
        if self.layers is None and self.feed_forward is None and self.width is None:
            raise ValueError("found none of layers, feed_forward and width, expected at least one of them")
        return self


def check_source(
    key: str, model: Any, models: Mapping[str, Any], benchmarks: Mapping[str, Any]
) -> Iterator[str]:
    """Yield a problem for a teacher or benchmark of a pruned model that the study does not define."""
    seen = [model]
    while isinstance(seen[-1], PrunedModel):
        teacher = seen[-1].teacher
        if teacher not in models:
            yield f"{key}.teacher: found {teacher!r}, expected {one_of(teacher, models)}"
            break
        if models[teacher] in seen:
            yield f"{key}.teacher: found {teacher!r}, expected a model that is not made from this one"
            break
        seen.append(models[teacher])
    plain = [name for name, benchmark in benchmarks.items() if not isinstance(benchmark, Mixture | Derived)]
    for text in getattr(model, "text", []):
        named = getattr(text, "benchmark", None)
        if named is not None and named not in plain:
            yield f"{key}.text: found benchmark {named!r}, expected {one_of(named, plain)}"
