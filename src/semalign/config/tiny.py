"""The embedded family: how its models are built and how large its benchmarks are."""

from typing import Self

from pydantic import Field, model_validator

from semalign.config.base import Strict


class TinyModel(Strict):
    """A Llama-architecture model that is pretrained in place on a corpus the code generates."""

    layers: int = Field(4, ge=1, le=48, description="transformer blocks")
    width: int = Field(128, ge=8, le=2048, description="size of the hidden state, a multiple of heads")
    feed_forward: int = Field(336, ge=8, le=8192, description="size inside a feed-forward network")
    heads: int = Field(4, ge=1, le=64, description="attention heads a block")
    examples: int = Field(36_000, ge=1, description="documents of the corpus, each read once")
    benchmark_phrasing: float = Field(
        0.75, ge=0, le=1, description="share of the corpus in the benchmarks' phrasing; the rest is reworded"
    )
    drill: float = Field(0.2, ge=0, le=1, description="share of the corpus in dense lists of facts and sums")
    learning_rate: float = Field(3e-3, gt=0, le=1, description="peak learning rate")
    batch_size: int = Field(16, ge=1, description="documents an update")
    prompt_weight: float = Field(
        0.1, ge=0, le=1, description="loss weight of a prompt token; an answer's is 1"
    )
    seed: int = Field(0, ge=0, description="seed of the corpus, the initial weights and the order")

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.width % (2 * self.heads):
            raise ValueError(f"width {self.width} is not a multiple of 2 * heads ({2 * self.heads})")
        return self


class TinyBenchmark(Strict):
    """Sizes of the splits of one embedded benchmark."""

    train: int = Field(200, ge=1, description="examples a method may train on")
    extract: int = Field(16, ge=1, description="examples for attribution and pairing")
    align: int = Field(80, ge=1, description="examples for maps fitted on data")
    validation: int = Field(100, ge=1, description="examples for choosing settings")
    test: int = Field(150, ge=1, description="examples for the reported scores")
    seed: int = Field(0, ge=0, description="seed of the draw")
