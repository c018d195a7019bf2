"""Bootstrap over items: how much a mean varies with the choice of items.

Items are resampled with replacement, with the same draw for every seed and every method of a benchmark, so that
comparisons stay paired (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993).

Resampling rows and columns of one table of seeds and items together (Owen, "The pigeonhole bootstrap", 2007) would
count the noise of one item under one seed up to three times. Therefore the items' means over the seeds are resampled
here, and the contribution of the seeds is drawn separately (see `seeds`): each source of variance counts once.
"""

from collections.abc import Callable, Iterator

import numpy as np

_CHUNK = 200_000  # weights in memory at a time: about what fits into a processor's cache


class ItemResampler:
    """Resamples the items of a benchmark; the same seed gives the same draws for every method."""

    def __init__(self, items: int, resamples: int, seed: int) -> None:
        self.items = items
        self.resamples = resamples
        self.seed = seed

    def means(self, values: np.ndarray) -> np.ndarray:
        """Bootstrap means of `[rows, items]` over items drawn with replacement: `[rows, resamples]`.

        Deviations from the mean are multiplied by sqrt(n / (n - 1)), which makes their variance unbiased.
        """
        centre = values.mean(axis=1, keepdims=True)
        drawn = self._weighted_means(values - centre, self._counts)
        return np.asarray(centre + drawn * _widening(self.items))

    def flipped_means(self, values: np.ndarray) -> np.ndarray:
        """Means of `[rows, items]` after each item's sign is flipped at random: `[rows, resamples]`.

        This is the wild bootstrap under the null hypothesis (mean 0). For differences between two methods it is the
        permutation test that swaps the two methods item by item.
        """
        return self._weighted_means(values, self._signs)

    def _weighted_means(
        self, values: np.ndarray, draw: Callable[[np.random.Generator, int], np.ndarray]
    ) -> np.ndarray:
        # The generator depends only on seed and number of items, so all methods of a benchmark get the same draws.
        rng = np.random.default_rng([self.seed, self.items])
        parts = [values @ draw(rng, count).T for count in self._chunks()]
        return np.concatenate(parts, axis=1) / self.items

    def _chunks(self) -> Iterator[int]:
        step = max(1, _CHUNK // self.items)
        for start in range(0, self.resamples, step):
            yield min(step, self.resamples - start)

    def _counts(self, rng: np.random.Generator, count: int) -> np.ndarray:
        return draw_counts(rng, count, self.items)

    def _signs(self, rng: np.random.Generator, count: int) -> np.ndarray:
        bits = rng.integers(0, 2, size=(count, self.items), dtype=np.int8)
        return np.asarray(2.0 * bits - 1.0)


def draw_counts(rng: np.random.Generator, count: int, units: int) -> np.ndarray:
    """How often each of `units` was drawn in `units` draws with replacement: `[count, units]`, float64."""
    drawn = rng.integers(0, units, size=(count, units))
    # shift each row to its own range of numbers, so that one bincount counts all rows
    drawn += np.arange(count)[:, None] * units
    return np.bincount(drawn.ravel(), minlength=count * units).reshape(count, units).astype(np.float64)


def _widening(units: int) -> float:
    return float(np.sqrt(units / (units - 1))) if units > 1 else 1.0
