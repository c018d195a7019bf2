"""The scores of one method on one benchmark: every item, every seed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SCALE = 100.0


@dataclass(frozen=True, eq=False)
class Scores:
    """Item scores in percent (0 or 100, or between for pass@1 over samples).

    `values` is `[seeds, items]`, float64; `seeds` names its rows. Two `Scores` can be compared if their
    columns are the same items in the same order. `trained` says that another seed would have given other scores (this
    is not so for an untouched student). If several benchmarks were joined, `strata` `[items]` is the number of the
    benchmark that each item belongs to; the choice of benchmarks is not random, so differences between them are no
    sampling noise.
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
        """`item_means` with every stratum shifted to the overall mean, so that resampling varies only the items."""
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
    """Item scores `[..., items]` weighted so that their mean is the mean of the parts' means.

    `parts` names the part of every item. If all parts have the same size, the scores do not change.
    """
    names, index, sizes = np.unique([part or "" for part in parts], return_inverse=True, return_counts=True)
    if len(set(sizes)) == 1:
        return values
    return np.asarray(values * (len(parts) / (len(names) * sizes))[index])
