"""Running sums for the fidelity measure: cosines between states and their recomposition, prompt by prompt."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from semalign.config.statistics import StatisticsSettings

TAILS = (0.05, 0.95)


@dataclass(frozen=True)
class Resampling:
    """Settings of an interval over prompts, which are resampled as whole clusters `resamples` times.

    `confidence` is the coverage of the percentile interval.
    """

    resamples: int = 2000
    seed: int = 0
    confidence: float = StatisticsSettings().confidence


class Cosines:
    """cos(r, K r) for every interface, layer and operator K, and the sums that the shuffled control needs."""

    def __init__(self) -> None:
        self.cosines: list[Tensor] = []
        self.counts: list[int] = []
        self._states: Tensor | None = None
        self._recomposed: Tensor | None = None
        self._within: Tensor | None = None

    def add(self, states: Tensor, operators: Tensor) -> None:
        """Add one prompt's states [interfaces, layers, positions, D] for operators [frames, D, D]."""
        cosines, unit, recomposed = recompose(states, operators)
        cosines, unit, recomposed = cosines.cpu(), unit.cpu(), recomposed.cpu()
        self.cosines.append(cosines)
        self.counts.append(states.shape[2])
        within = torch.einsum("ild,ilfd->ilf", unit, recomposed)
        if self._states is None or self._recomposed is None or self._within is None:
            self._states, self._recomposed, self._within = unit, recomposed, within
        else:
            self._states += unit
            self._recomposed += recomposed
            self._within += within

    def shuffled(self) -> Tensor:
        """Mean cos(r_i, K r_j) over all pairs of tokens from different prompts: [interfaces, layers, frames].

        A cosine is a product of unit vectors, so its mean over all pairs follows from products of sums; no pairs are
        formed. NaN if there is only one prompt.
        """
        if self._states is None or self._recomposed is None or self._within is None:
            raise ValueError("no prompt was added")
        pairs = sum(self.counts) ** 2 - sum(count**2 for count in self.counts)
        everything = torch.einsum("ild,ilfd->ilf", self._states, self._recomposed)
        return (everything - self._within) / (pairs or math.nan)

    def summarise(self, resampling: Resampling) -> dict[str, Tensor]:
        """Column name -> [interfaces, layers, frames]."""
        shape = self.cosines[0].shape
        per_prompt = [values.movedim(2, 0).flatten(1) for values in self.cosines]
        tokens = torch.cat(per_prompt)
        mean, low, high = resample_means(per_prompt, resampling)
        ordered = tokens.numpy()
        columns = {
            "cosine": mean,
            "cosine_low": low,
            "cosine_high": high,
            "cosine_sd": tokens.std(dim=0) if len(tokens) > 1 else torch.full_like(mean, math.nan),
            "cosine_p05": torch.from_numpy(np.quantile(ordered, TAILS[0], axis=0)),
            "cosine_p95": torch.from_numpy(np.quantile(ordered, TAILS[1], axis=0)),
        }
        grid = (*shape[:2], shape[3])
        return {**{key: value.reshape(grid) for key, value in columns.items()}, "shuffled": self.shuffled()}


def recompose(states: Tensor, operators: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cosines of unit states with K times them, and the sums over positions of both unit vectors.

    Returns float64 [interfaces, layers, positions, frames], [interfaces, layers, D] and [interfaces, layers,
    frames, D]. The product with K runs in the states' precision, the rest in float64.
    """
    unit = _unit(states)
    cosines, sums = [], []
    for operator in operators:
        recomposed = _unit(unit @ operator.to(unit))
        cosines.append((unit * recomposed).sum(dim=-1, dtype=torch.float64))
        sums.append(recomposed.sum(dim=2, dtype=torch.float64))
    return torch.stack(cosines, -1), unit.sum(dim=2, dtype=torch.float64), torch.stack(sums, 2)


def resample_means(per_prompt: Sequence[Tensor], resampling: Resampling) -> tuple[Tensor, Tensor, Tensor]:
    """Mean over all tokens and its percentile interval, prompts resampled as whole clusters.

    `per_prompt` holds [tokens, columns] for each prompt; returns three [columns]. The bounds are NaN for one prompt.
    """
    sums = torch.stack([values.sum(dim=0) for values in per_prompt])
    counts = torch.tensor([len(values) for values in per_prompt], dtype=torch.float64)
    mean = sums.sum(dim=0) / counts.sum()
    prompts = len(counts)
    if prompts < 2:
        return mean, torch.full_like(mean, math.nan), torch.full_like(mean, math.nan)
    rng = np.random.default_rng(resampling.seed)
    draws = rng.multinomial(prompts, [1 / prompts] * prompts, size=resampling.resamples)
    weights = torch.from_numpy(draws).double()
    means = ((weights @ sums) / (weights @ counts)[:, None]).numpy()
    tail = (1 - resampling.confidence) / 2
    low, high = np.quantile(means, (tail, 1 - tail), axis=0)
    return mean, torch.from_numpy(low), torch.from_numpy(high)


def _unit(vectors: Tensor) -> Tensor:
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(torch.finfo(vectors.dtype).tiny)
