"""Settings of the intervals and tests in the tables."""

import math
from typing import Self

from pydantic import Field, model_validator

from semalign.config.base import Seed, Strict


class StatisticsSettings(Strict):
    """Settings of the confidence intervals and of the significance tests."""

    resamples: int = Field(
        default=10_000,
        ge=100,
        le=1_000_000,
        description="number of bootstrap resamples for every interval and p-value",
    )
    confidence: float = Field(default=0.95, gt=0.5, lt=1, description="confidence level of all intervals")
    alpha: float = Field(
        default=0.05,
        gt=0,
        lt=0.5,
        description="two-sided significance level of all tests and verdicts (p-values are corrected for the number of "
        "tests), and of the smallest detectable difference",
    )
    power: float = Field(
        default=0.8,
        gt=0.5,
        lt=1,
        description="power for which the smallest detectable difference is computed",
    )
    seed: Seed = Field(default=0, description="seed of the bootstrap")

    @model_validator(mode="after")
    def _has_tails(self) -> Self:
        """An interval's ends are quantiles of the resamples, of which some must lie beyond them."""
        needed = math.ceil(round(2 / (1 - self.confidence), 6))
        if self.resamples < needed:
            raise ValueError(
                f"resamples: found {self.resamples} with confidence {self.confidence:g}, expected at least {needed}, "
                "since some must lie beyond both ends of an interval"
            )
        return self
