"""Search for the learning rate of every trained method: the same for all, on the validation split."""

from typing import Annotated

from pydantic import Field

from semalign.config.base import Seed, Strict

Rate = Annotated[float, Field(gt=0, le=1)]


class Search(Strict):
    """A grid of learning rates. For each method and benchmark, the one with the best validation score is used."""

    learning_rates: list[Rate] = Field(
        [],
        description="learning rates to try with every trained method; an empty list: no search, each method uses its "
        "own optimisation.learning_rate",
    )
    seed: Seed = Field(0, description="seed of the trial runs")
