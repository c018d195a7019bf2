"""The scores of one method on one benchmark: every item, every seed."""

from dataclasses import dataclass

import numpy as np

SCALE = 100.0


@dataclass(frozen=True, eq=False)
class Scores:
    """Item scores in percent (0 or 100, or between for pass@1 over samples).

    `values` is `[seeds, items]`, float64; `seeds` names its rows. Two `Scores` can be compared when their
    columns are the same items in the same order.
    """

    values: np.ndarray
    seeds: tuple[int, ...]

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
    def binary(self) -> bool:
        """Whether every item is either right or wrong."""
        return bool(np.isin(self.values, (0.0, SCALE)).all())
