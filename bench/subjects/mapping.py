"""Applying the map, against computing a state's coefficients over the whole vocabulary and recomposing them."""

from typing import Any

import torch

from bench.subject import Case, Check, Goal, Sides, Size, Subject
from semalign.models.loading import Head
from semalign.signals.alignment import map_states
from semalign.signals.semantics.maps import build_bases_pair, build_map, unit_states


def through_coefficients(
    states: torch.Tensor, teacher: torch.Tensor, student: torch.Tensor, positions: int
) -> torch.Tensor:
    """Targets in the paper's two steps: a = S_T^T h / |h| over all tokens, then S_S a, in float64."""
    parts = [unit_states(part.double()) @ teacher.T @ student for part in states.split(positions)]
    return torch.cat(parts).float()


def build(size: Size, device: str) -> Sides:
    """The sides with random heads of one vocabulary; map and bases are computed beforehand."""
    generator = torch.Generator().manual_seed(0)
    heads = [
        torch.randn(size["tokens"], width, generator=generator).to(device)
        for width in (size["teacher"], size["student"])
    ]
    pair = [Head(weight, weight, torch.ones(weight.shape[1], device=device)) for weight in heads]
    ids = torch.arange(size["tokens"])
    mapping = build_map("pinv", pair[0], pair[1], (ids, ids))
    bases = build_bases_pair("pinv", pair[0], pair[1], (ids, ids))
    rows = [torch.cat(list(side.chunks(ids))) for side in (bases.teacher, bases.student)]
    states = torch.randn(size["positions"], size["teacher"], generator=generator).to(device)

    def check(mine: Any, theirs: Any) -> Check:
        worst = (mine.to(device) - theirs).norm(dim=-1) / theirs.norm(dim=-1)
        return Check("largest relative difference of a target", float(worst.max()), 1e-5)

    def theirs() -> torch.Tensor:
        return through_coefficients(states, rows[0], rows[1], size["at_once"])

    return Sides(lambda: map_states(states, mapping), theirs, check, work=size["positions"])


GOAL = Goal(faster=10)
SUBJECT = Subject(
    "applying the map",
    "coefficients over the vocabulary, then recomposition",
    {
        "cpu": (
            Case(
                "49,152 tokens, 576 to 288",
                {"tokens": 49152, "teacher": 576, "student": 288, "positions": 1024, "at_once": 256},
                5,
                goal=GOAL,
            ),
        ),
        "cuda": (
            Case(
                "32,000 tokens, 5,120 to 4,096",
                {"tokens": 32000, "teacher": 5120, "student": 4096, "positions": 8192, "at_once": 1024},
                5,
                goal=GOAL,
            ),
        ),
        "quick": (
            Case("pico", {"tokens": 64, "teacher": 12, "student": 8, "positions": 10, "at_once": 4}, 2),
        ),
    },
    build,
    unit="positions",
)
