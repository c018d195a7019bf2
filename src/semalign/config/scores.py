"""Models that are scored as they are, beside or without any transfer."""

from pydantic import Field

from semalign.config.base import Strict
from semalign.config.evaluation import Protocol


class PublishedScore(Strict):
    """What others report of a model, to stand beside what is measured here."""

    model: str = Field(description="model of the study")
    benchmark: str = Field(description="benchmark of the study")
    protocol: Protocol = Field("paper", description="the protocol that comes nearest to theirs")
    score: float = Field(ge=0, le=100, description="their score in percent")
    source: str = Field(min_length=1, description="where it stands, and what differs from our protocol")


class ModelScores(Strict):
    """Models scored on benchmarks under one or several protocols, without pair or method."""

    models: list[str] = Field([], description="models that are scored; empty skips all of it")
    benchmarks: list[str] = Field([], description="on which; empty: all of the study's")
    protocols: list[Protocol] = Field(["paper"], min_length=1, description="how, as evaluation.protocol")
    seed: int = Field(0, ge=0, description="seed of sampled answers")
    published: list[PublishedScore] = Field([], description="what others report, for the same table")
