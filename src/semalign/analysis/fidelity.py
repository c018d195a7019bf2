"""How well a hidden state survives decomposition onto semantic bases and recomposition (paper Figure 2).

Projecting r onto every unit basis and adding up the projections gives K r with K = S S^T, so the measure is
cos(r, K r). V bases in D dimensions are an overcomplete frame: K is not the identity, and a high cosine alone
does not show that the bases are semantic. Each row therefore has three controls: random bases; the
isotropic prediction tr K / sqrt(D tr K^2), for a direction drawn at random, which depends on the model only through K;
and shuffled pairs cos(r_i, K r_j), i and j from different prompts. The dual frame, whose coefficients recompose every
state exactly, is the upper bound. `prediction` adds what a cosine hides: how often the recomposed
final state still predicts the same token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from torch import Tensor

from semalign.analysis.accumulation import Cosines, Resampling
from semalign.analysis.frames import Frame, build_frames, dual_frame
from semalign.analysis.prediction import Predictions
from semalign.config.analysis import MeasuredDecomposition
from semalign.models.anatomy import capture, layers_of
from semalign.runtime.errors import UserError

if TYPE_CHECKING:
    from semalign.models.loading import Head

STANDARD = MeasuredDecomposition()


@dataclass(frozen=True)
class Passage:
    """One prompt's states: `layers` [interfaces, layers, positions, D] and `final` [positions, D]."""

    layers: Tensor
    final: Tensor


class Study:
    """The measurement of one model, accumulated prompt by prompt; states are never kept.

    `interfaces` are those of `models.anatomy.capture`. `drop_first` leaves out position 0, whose states have a very
    different norm than all others in many models.
    """

    def __init__(
        self,
        model: Any,
        head: Head,
        frames: Sequence[Frame],
        interfaces: Sequence[str],
        *,
        drop_first: bool = True,
        seed: int = 0,
    ) -> None:
        self.model, self.frames, self.interfaces = model, list(frames), list(interfaces)
        self.first = int(drop_first)
        self.depth = len(layers_of(model))
        operators = torch.stack([frame.operator.cpu() for frame in frames])
        self.operators = operators.to(model.device, torch.float32)
        self.cosines = Cosines()
        self.predictions = Predictions(head, self.frames, self.operators, seed)

    def add(self, tokens: Sequence[int]) -> None:
        """Run the model over one prompt's token ids and add its states."""
        if len(tokens) <= self.first:
            return
        passage = self._read(tokens)
        self.cosines.add(passage.layers, self.operators)
        self.predictions.add(passage.final)

    @torch.no_grad()
    def _read(self, tokens: Sequence[int]) -> Passage:
        """States of every layer and interface; the LM head itself is not run."""
        layers = range(1, self.depth + 1)
        ids = torch.tensor([list(tokens)], device=self.model.device)
        with capture(self.model, layers, self.interfaces) as states:
            final = self.model.base_model(input_ids=ids, use_cache=False).last_hidden_state
        rows = [torch.stack([states[name, layer][0] for layer in layers]) for name in self.interfaces]
        return Passage(torch.stack(rows)[:, :, self.first :].float(), final[0, self.first :].float())

    def layer_rows(self, name: str, resampling: Resampling) -> list[dict[str, Any]]:
        """One row per family of bases, interface and layer."""
        summary = self.cosines.summarise(resampling)
        tokens, prompts = sum(self.cosines.counts), len(self.cosines.counts)
        return [
            {
                "model": name,
                "bases": frame.bases,
                "folded": frame.folded,
                "interface": interface,
                "layer": layer + 1,
                "depth": (layer + 1) / self.depth,
                **{key: float(value[i, layer, f]) for key, value in summary.items()},
                "isotropic": frame.isotropic(),
                "tokens": tokens,
                "prompts": prompts,
            }
            for f, frame in enumerate(self.frames)
            for i, interface in enumerate(self.interfaces)
            for layer in range(self.depth)
        ]


def measure_fidelity(
    model: Any,
    head: Head,
    prompts: Sequence[Sequence[int]],
    *,
    name: str,
    settings: MeasuredDecomposition = STANDARD,
    drop_first: bool = True,
    resamples: int = 2000,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tidy tables (layers, head) of the measurement over tokenised prompts.

    Layers: model, bases, folded, interface, layer (from 1), depth (share of all layers), cosine (mean over
    tokens), cosine_low and cosine_high (bootstrap interval over prompts), cosine_sd, cosine_p05,
    cosine_p95 (over tokens), shuffled, isotropic, tokens, prompts. Head: see `Predictions.rows`; `deviation`
    is the largest absolute entry of K - 1, zero for the exact dual frame. Raises UserError if no prompt has tokens.
    """
    head = replace(head, weight=head.weight.to(model.device), norm_gain=head.norm_gain.to(model.device))
    frames = [*build_frames(head, settings.bases, settings.seed), dual_frame(head)]
    study = Study(model, head, frames, settings.interfaces, drop_first=drop_first, seed=settings.seed)
    for tokens in prompts:
        study.add(tokens)
    if not study.predictions.prompts:
        raise UserError(f"decomposition of {name}: found no prompt with tokens, expected at least one")
    resampling = Resampling(resamples, settings.seed, settings.confidence)
    layers = study.layer_rows(name, resampling)
    return pd.DataFrame(layers), pd.DataFrame(study.predictions.rows(name, resampling))
