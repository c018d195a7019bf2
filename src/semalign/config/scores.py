"""Models that are scored as they are, without any training."""

from pydantic import Field

from semalign.config.base import Seed, Strict
from semalign.config.evaluation import Protocol


class PublishedScore(Strict):
    """A score that others published for a model, listed next to the measured one."""

    model: str = Field(description="name of a model in `models`")
    benchmark: str = Field(description="name of a benchmark in `benchmarks`")
    protocol: Protocol = Field(
        "paper", description="protocol that is closest to the one of the published score"
    )
    score: float = Field(ge=0, le=100, description="published score in percent")
    source: str = Field(
        min_length=1,
        description="where the score is published, and how it differs from the protocol used here",
    )


class ModelScores(Strict):
    """Models scored on benchmarks as they are, without any training."""

    models: list[str] = Field([], description="models to score; an empty list: none")
    benchmarks: list[str] = Field([], description="benchmarks to score on; an empty list: all of the study")
    protocols: list[Protocol] = Field(
        ["paper"], min_length=1, description="protocols to score with, as in evaluation.protocol"
    )
    seed: Seed = Field(0, description="seed for sampling answers")
    published: list[PublishedScore] = Field([], description="published scores to list in the same table")
