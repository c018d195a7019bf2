"""Predictions after recomposition, and their controls, against counting them one by one in float64."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from semalign.analysis.accumulation import Resampling
from semalign.analysis.frames import Frame, build_frames
from semalign.analysis.prediction import Predictions, turn
from semalign.models.loading import Head, read_head


def made(pico_pair: tuple[Path, Path]) -> tuple[Head, list[Frame], Predictions, list[Tensor]]:
    """A head whose gain is not constant, its frames, and predictions for the final states of three prompts."""
    head = read_head(pico_pair[0])
    generator = torch.Generator().manual_seed(0)
    gain = torch.rand(48, generator=generator) + 0.2
    head = Head(head.weight, head.input_embedding, gain)
    frames = build_frames(head, ["output", "random"])
    predictions = Predictions(head, frames, torch.stack([f.operator for f in frames]).float(), seed=5)
    mean = torch.randn(48, generator=generator)
    finals = [mean + torch.randn(count, 48, generator=generator) for count in (4, 7, 2)]
    for final in finals:
        predictions.add(final)
    return head, frames, predictions, finals


def top_of(head: Head, state: Tensor) -> int:
    return int((head.weight.double() @ state.double()).argmax())


def test_shuffled_agreement_counts_all_pairs_of_different_prompts(pico_pair: tuple[Path, Path]) -> None:
    head, frames, predictions, finals = made(pico_pair)
    rows = predictions.rows("pico", Resampling(10))
    for frame, row in zip(frames, rows, strict=True):
        gain = head.norm_gain.double() if frame.folded else torch.ones(48).double()
        hits = [
            top_of(head, one) == top_of(head, (frame.operator @ (other.double() / gain)) * gain)
            for i, left in enumerate(finals)
            for j, right in enumerate(finals)
            if i != j
            for one in left
            for other in right
        ]
        assert row["shuffled_top1"] == pytest.approx(sum(hits) / len(hits), abs=1e-12)
    assert any(row["shuffled_top1"] > 0 for row in rows)


def test_isotropic_agreement_turns_each_state_to_the_predicted_cosine(pico_pair: tuple[Path, Path]) -> None:
    head, frames, predictions, finals = made(pico_pair)
    generator = torch.Generator().manual_seed(5)
    noises = [torch.randn(final.shape, generator=generator).double() for final in finals]
    for frame, row in zip(frames, predictions.rows("pico", Resampling(10)), strict=True):
        gain = head.norm_gain.double() if frame.folded else torch.ones(48).double()
        hits = []
        for final, noise in zip(torch.cat(finals).double(), torch.cat(noises), strict=True):
            unit = (final / gain) / (final / gain).norm()
            across = noise - (noise @ unit) * unit
            cosine = frame.isotropic()
            turned = cosine * unit + (1 - cosine**2) ** 0.5 * across / across.norm()
            hits.append(top_of(head, turned * gain) == top_of(head, final))
        assert row["isotropic_top1"] == pytest.approx(sum(hits) / len(hits), abs=1e-12)
        assert 0 < row["isotropic_top1"] < 1


def test_turned_states_have_the_cosine_asked_for() -> None:
    generator = torch.Generator().manual_seed(1)
    states, noise = (torch.randn(9, 12, generator=generator, dtype=torch.float64) for _ in range(2))
    for cosine in (0.0, 0.3, 1.0):
        found = turn(states, noise, cosine)
        assert torch.cosine_similarity(found, states, dim=-1) == pytest.approx(cosine, abs=1e-12)
        assert found.norm(dim=-1) == pytest.approx(1)


def test_one_prompt_has_no_shuffled_agreement(pico_pair: tuple[Path, Path]) -> None:
    head = read_head(pico_pair[0])
    frames = build_frames(head, ["output"])
    predictions = Predictions(head, frames, torch.stack([f.operator for f in frames]).float())
    predictions.add(torch.randn(5, 48, generator=torch.Generator().manual_seed(0)))
    assert predictions.shuffled().isnan().all()
