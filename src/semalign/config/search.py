"""How the learning rate of every trained method is chosen: the same search for all, on the validation split."""

from typing import Annotated

from pydantic import Field

from semalign.config.base import Strict

Rate = Annotated[float, Field(gt=0, le=1)]


class Search(Strict):
    """A grid of learning rates; for each benchmark the one with the best score on its validation split is taken."""

    learning_rates: list[Rate] = Field(
        [],
        description="rates that every trained method is tried with; none: each method's own is used untried",
    )
    seed: int = Field(0, ge=0, description="seed of the trials")
