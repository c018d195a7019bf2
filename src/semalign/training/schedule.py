"""Schedule of a training: the number of updates, and the batch and learning rate of each."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from semalign.config.optimisation import Optimisation
from semalign.runtime.errors import UserError

POOL = 64  # number of batches that are sorted by length together


def total_steps(count: int, settings: Optimisation) -> int:
    """Number of updates for `count` examples: `settings.steps`, or epochs * ceil(count / batch size), at least 1."""
    if settings.steps is not None:
        return settings.steps
    assert settings.epochs is not None  # the settings require one of the two
    return max(1, math.ceil(settings.epochs * math.ceil(count / settings.batch_size)))


def epoch_batches(
    count: int, batch_size: int, seed: int, lengths: Sequence[int] | None = None
) -> Callable[[int], list[int]]:
    """Return a function from a step to the indices of its batch.

    Every epoch visits each of the `count` examples once, in an order that depends only on seed and epoch. With
    `lengths`, batches hold examples of similar length (sorted within pools of POOL batches, then shuffled), which saves
    padding. One batch per epoch may be smaller. Raises UserError if there are no examples.
    """
    if count < 1:
        raise UserError(f"training data: found {count} examples, expected at least one")
    per_epoch = math.ceil(count / batch_size)

    @lru_cache(maxsize=2)
    def epoch(number: int) -> list[list[int]]:
        # one generator per epoch: a resumed training computes its batches without replaying earlier epochs
        random = np.random.default_rng([seed, number])
        order = random.permutation(count).tolist()
        if lengths is None:
            return [order[i : i + batch_size] for i in range(0, count, batch_size)]
        size = POOL * batch_size
        pools = (sorted(order[i : i + size], key=lengths.__getitem__) for i in range(0, count, size))
        batches = [pool[i : i + batch_size] for pool in pools for i in range(0, len(pool), batch_size)]
        return [batches[i] for i in random.permutation(len(batches)).tolist()]

    return lambda step: epoch(step // per_epoch)[step % per_epoch]


def learning_rate(step: int, steps: int, settings: Optimisation) -> float:
    """The learning rate of update `step` (0-based) of `steps`."""
    warmup = math.ceil(settings.warmup * steps)
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    left = (steps - step) / (steps - warmup)  # 1 at the end of warm-up, just above 0 at the last step
    if settings.schedule == "linear":
        share = left
    elif settings.schedule == "cosine":
        share = 0.5 - 0.5 * math.cos(math.pi * left)
    elif settings.schedule == "wsd":
        share = 0.02 + 0.98 * min(1.0, (steps - step) / (0.4 * steps))
    else:
        share = 1.0
    return settings.learning_rate * share
