"""Search for the learning rate of every trained method, at the same budget for all, on the validation split."""

from typing import Annotated

from pydantic import Field

from semalign.config.base import Seed, Strict

RATE = "optimisation.learning_rate"  # dotted key of the setting that every search tries
Rate = Annotated[float, Field(gt=0, le=1)]


class Search(Strict):
    """A grid of learning rates. For each method and benchmark, the one with the best validation score is used.

    A method may try values of other settings too (`methods.<name>.search`), in as many trials, or have no search at all
    (`methods.<name>.searched: false`).
    """

    learning_rates: list[Rate] = Field(
        [],
        description="learning rates to try with every trained method; an empty list: no search, each method uses its "
        "own optimisation.learning_rate",
    )
    widen: int = Field(
        0,
        ge=0,
        le=10,
        description="how many learning rates beyond each end of a method's grid may be tried, one after the other, "
        "while the best one is the lowest or the highest tried; each is as far from the one before as the two "
        "outermost ones of the grid are from each other",
    )
    seed: Seed = Field(0, description="seed of the trial runs")
