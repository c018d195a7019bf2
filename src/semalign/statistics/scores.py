"""The scores of one method on one benchmark: every item, every seed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SCALE = 100.0


@dataclass(frozen=True, eq=False)
class Scores:
    """Item scores in percent (0 or 100, or between for pass@1 over samples).

    `values` is `[seeds, items]`, float64; `seeds` names its rows. Two `Scores` can be compared when their
    columns are the same items in the same order. `trained`: another seed would have given other scores (as
    it would not for an untouched student). `strata` `[items]` numbers
    the benchmark that each item belongs to, where several were joined: which ones is no matter of chance.
    """

    values: np.ndarray
    seeds: tuple[int, ...]
    trained: bool = False
    strata: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[0] != len(self.seeds) or self.values.shape[1] == 0:
            raise ValueError(
                f"values {self.values.shape}: expected [{len(self.seeds)} seeds, at least 1 item]"
            )

    @property
    def items(self) -> int:
        """Number of items."""
        return int(self.values.shape[1])

    @property
    def mean(self) -> float:
        """Mean over seeds and items, in percent."""
        return float(self.values.mean())

    @property
    def item_means(self) -> np.ndarray:
        """Mean over seeds of every item `[items]`, in percent."""
        return np.asarray(self.values.mean(axis=0))

    @property
    def level_item_means(self) -> np.ndarray:
        """`item_means` with every stratum moved to the overall mean: what resampling items may vary."""
        means = self.item_means
        if self.strata is None:
            return means
        levels = np.bincount(self.strata, means) / np.maximum(np.bincount(self.strata), 1)
        return np.asarray(means - levels[self.strata] + means.mean())

    @property
    def binary(self) -> bool:
        """Whether every item is either right or wrong."""
        return bool(np.isin(self.values, (0.0, SCALE)).all())


def balanced(values: np.ndarray, parts: Sequence[str | None]) -> np.ndarray:
    """Item scores `[..., items]` weighed so that their mean is the mean of the parts' means.

    `parts` names the part of every item. Parts of equal size leave the scores as they are.
    """
    names, index, sizes = np.unique([part or "" for part in parts], return_inverse=True, return_counts=True)
    if len(set(sizes)) == 1:
        return values
    return np.asarray(values * (len(parts) / (len(names) * sizes))[index])
