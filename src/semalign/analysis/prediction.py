"""Whether a recomposed final state still predicts the same next token.

The agreement has the same controls as the cosine. Shuffled pairs use the recomposed state of a token of another prompt.
The isotropic control turns the state itself in a random direction until its cosine is the one predicted for a random
direction under K. It shows the effect of a loss of that size if K did not depend on the states.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from semalign.analysis.accumulation import Resampling, resample_means
from semalign.analysis.frames import Frame
from semalign.models.trained_head import count_rows, trained_rows

if TYPE_CHECKING:
    from semalign.models.loading import Head


@dataclass(frozen=True)
class Prompt:
    """Results of one prompt.

    `top` [positions] are the tokens that the states predict. `recomposed` and `turned` [positions, frames] are those
    after recomposition and after turning. `cosines` [positions, frames] are those of states and recomposed states.
    """

    top: Tensor
    recomposed: Tensor
    turned: Tensor
    cosines: Tensor

    def same(self, predicted: Tensor) -> Tensor:
        """1.0 if a frame's prediction equals that of the state itself, else 0.0, [positions, frames]."""
        return (predicted == self.top[:, None]).double()


class Predictions:
    """Top tokens of final normed states and of each frame's recomposition, accumulated prompt by prompt."""

    def __init__(self, head: Head, frames: Sequence[Frame], operators: Tensor, seed: int = 0) -> None:
        """`operators` [frames, D, D] are those of the frames, in float32 on the device of the states."""
        self.frames, self.operators = list(frames), operators
        self.isotropic = [frame.isotropic() for frame in frames]
        self.gain = head.norm_gain.to(operators)
        self.weight = trained_rows(head)[1].to(operators)
        self.counts = count_rows(head), count_rows(head, "embedding")
        self.generator = torch.Generator().manual_seed(seed)
        self.prompts: list[Prompt] = []

    def add(self, final: Tensor) -> None:
        """Add one prompt's final normed states [positions, D]."""
        noise = torch.randn(final.shape, generator=self.generator).to(final)
        top = self._predict(final)
        recomposed, turned, cosines = [], [], []
        for frame, operator, cosine in zip(self.frames, self.operators, self.isotropic, strict=True):
            # Folded bases are defined before the norm's gain: divide it out, recompose, multiply it in again.
            state = torch.where(self.gain == 0, 0, final / self.gain) if frame.folded else final
            back = self.gain if frame.folded else 1.0
            image = state @ operator
            cosines.append(torch.cosine_similarity(state, image, dim=-1))
            recomposed.append(self._predict(image * back))
            turned.append(self._predict(turn(state, noise, cosine) * back))
        parts = (torch.stack(rows, -1).cpu() for rows in (recomposed, turned, cosines))
        self.prompts.append(Prompt(top.cpu(), *parts))

    def _predict(self, states: Tensor) -> Tensor:
        return (states @ self.weight.T).argmax(-1)

    def rows(self, name: str, resampling: Resampling) -> list[dict[str, Any]]:
        """One row per frame.

        Columns: model, bases, folded, top1_agreement, top1_low, top1_high (bootstrap interval over prompts), cosine,
        isotropic, deviation, shuffled_top1, isotropic_top1, used_rows, left_out_rows (of the head, or of the embedding
        for the input side). Only tokens with a trained row are predicted.
        """
        agreement, low, high = resample_means([p.same(p.recomposed) for p in self.prompts], resampling)
        turned = torch.cat([p.same(p.turned) for p in self.prompts]).mean(dim=0)
        cosine = torch.cat([p.cosines.double() for p in self.prompts]).mean(dim=0)
        shuffled = self.shuffled()
        return [
            {
                "model": name,
                "bases": frame.bases,
                "folded": frame.folded,
                "top1_agreement": float(agreement[f]),
                "top1_low": float(low[f]),
                "top1_high": float(high[f]),
                "cosine": float(cosine[f]),
                "isotropic": self.isotropic[f],
                "deviation": frame.deviation(),
                "shuffled_top1": float(shuffled[f]),
                "isotropic_top1": float(turned[f]),
                "used_rows": self.counts[frame.bases == "input"][0],
                "left_out_rows": self.counts[frame.bases == "input"][1],
            }
            for f, frame in enumerate(self.frames)
        ]

    def shuffled(self) -> Tensor:
        """Share of pairs of tokens in which one's recomposed state predicts the other's top token, [frames].

        All pairs of tokens from different prompts count; NaN if there is only one prompt.
        """
        counts = [len(prompt.top) for prompt in self.prompts]
        pairs = sum(counts) ** 2 - sum(count**2 for count in counts)
        whole = self._matches(
            torch.cat([p.top for p in self.prompts]), torch.cat([p.recomposed for p in self.prompts])
        )
        within = torch.stack([self._matches(p.top, p.recomposed) for p in self.prompts]).sum(dim=0)
        return (whole - within) / (pairs or math.nan)

    def _matches(self, top: Tensor, recomposed: Tensor) -> Tensor:
        """Number of pairs (one of `top`, one of `recomposed`) with the same token, [frames]."""
        size = len(self.weight)
        often = torch.bincount(top, minlength=size).double()
        return torch.stack([often @ torch.bincount(row, minlength=size).double() for row in recomposed.T])


def turn(states: Tensor, noise: Tensor, cosine: float) -> Tensor:
    """Unit vectors whose cosine with each state [positions, D] is `cosine`, turned towards that row of `noise`."""
    unit = torch.nn.functional.normalize(states, dim=-1)
    across = torch.nn.functional.normalize(noise - (noise * unit).sum(-1, keepdim=True) * unit, dim=-1)
    return cosine * unit + math.sqrt(max(0.0, 1 - cosine**2)) * across
