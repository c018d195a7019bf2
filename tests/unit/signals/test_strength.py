"""A state's largest coefficients, compared with a slow float64 loop over positions and tokens."""

import json
import subprocess
import sys

import pytest
import torch
from torch import Tensor

from semalign.models.loading import Head
from semalign.signals import alignment
from semalign.signals.alignment import align_strongest, map_states
from semalign.signals.semantics import bases as bases_module
from semalign.signals.semantics.maps import BasesPair, apply_map, build_bases_pair, build_map
from semalign.signals.semantics.registry import BASES_MAPS
from semalign.signals.semantics.strength import apply_strongest

TOKENS, WIDTH_T, WIDTH_S = 210, 14, 9
# the teacher has 10 more tokens, and other ids for the shared ones
SHARED = (torch.randperm(TOKENS, generator=torch.Generator().manual_seed(4))[:200], torch.arange(200))


def make_head(tokens: int, width: int, seed: int) -> Head:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(tokens, width, generator=generator) + 0.2
    embedding = torch.randn(tokens, width, generator=generator)
    return Head(weight, embedding, torch.rand(width, generator=generator) + 0.5)


HEADS = make_head(TOKENS, WIDTH_T, 1), make_head(TOKENS - 5, WIDTH_S, 2)


def states(count: int = 11) -> Tensor:
    return torch.randn(count, WIDTH_T, generator=torch.Generator().manual_seed(7)) * 30


def slow(hidden: Tensor, bases: BasesPair, top: int) -> Tensor:
    """Targets computed one coefficient at a time, with coefficients sorted as a Python list."""
    rows = torch.cat(list(bases.teacher.chunks(SHARED[0]))), torch.cat(list(bases.student.chunks(SHARED[1])))
    targets = torch.zeros(len(hidden), WIDTH_S, dtype=torch.float64)
    for target, state in zip(targets, hidden.double(), strict=True):
        coefficients = [float(row @ state / state.norm()) for row in rows[0]]
        by_size = sorted(range(len(coefficients)), key=lambda token: -abs(coefficients[token]))
        for token in by_size[:top]:
            target += coefficients[token] * rows[1][token]
    return targets


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("name", BASES_MAPS)
def test_it_equals_the_slow_loop(name: str, fold: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bases_module, "CHUNK", 32)  # kept tokens come from several chunks
    bases = build_bases_pair(name, *HEADS, SHARED, fold_final_norm=fold, seed=3)
    for top in (1, 5, 50, 199):
        found = apply_strongest(states(), bases, SHARED, top)
        torch.testing.assert_close(found, slow(states(), bases, top), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", BASES_MAPS)
@pytest.mark.parametrize("top", [200, 1000])
def test_all_coefficients_are_the_map(name: str, top: int) -> None:
    bases = build_bases_pair(name, *HEADS, SHARED)
    expected = apply_map(build_map(name, *HEADS, SHARED), states())
    torch.testing.assert_close(
        apply_strongest(states(), bases, SHARED, top), expected, rtol=1e-10, atol=1e-10
    )
    fewer = apply_strongest(states(), bases, SHARED, 100)
    assert not torch.allclose(fewer, expected, rtol=1e-3, atol=0)


def test_a_single_coefficient_is_a_column_of_the_student() -> None:
    """For the dual map, it is the column of the token with the largest logit, multiplied by that logit."""
    direction = states(1)[0].double() / states(1)[0].double().norm()
    logits = HEADS[0].weight.double()[SHARED[0]] @ direction
    best = int(logits.abs().argmax())
    column = torch.linalg.pinv(HEADS[1].weight.double()[SHARED[1]])[:, best]
    found = apply_strongest(states(1), build_bases_pair("dual", *HEADS, SHARED), SHARED, 1)
    torch.testing.assert_close(found[0], logits[best] * column)


def test_blocks_of_positions_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    bases = build_bases_pair("pinv", *HEADS, SHARED)
    whole = align_strongest(states(50), bases, SHARED, 8)
    monkeypatch.setattr(alignment, "NUMBERS", 3 * (8 + bases_module.CHUNK))
    torch.testing.assert_close(align_strongest(states(50), bases, SHARED, 8), whole)
    assert whole.dtype == torch.float32 and whole.shape == (50, WIDTH_S)


def test_length_of_the_state_does_not_matter_and_zero_stays_zero() -> None:
    bases = build_bases_pair("pinv", *HEADS, SHARED)
    torch.testing.assert_close(
        align_strongest(states() * 100, bases, SHARED, 8), align_strongest(states(), bases, SHARED, 8)
    )
    assert not align_strongest(torch.zeros(2, WIDTH_T), bases, SHARED, 8).any()


def test_the_more_coefficients_the_nearer_to_the_map() -> None:
    bases = build_bases_pair("pinv", *HEADS, SHARED)
    whole = map_states(states(200), bases.matrix(SHARED))
    near = [
        float(torch.cosine_similarity(align_strongest(states(200), bases, SHARED, top), whole, dim=-1).mean())
        for top in (1, 10, 50, 150, 200)
    ]
    assert near == sorted(near) and near[0] < 0.7 and near[-1] > 0.999999


MEMORY = """
import json, resource, torch
from semalign.signals import alignment
from semalign.models.loading import Head
from semalign.signals.semantics.maps import build_bases_pair
tokens, width, positions = 100_000, 16, 800
weight = torch.randn(tokens, width)
head = Head(weight, weight, torch.ones(width))
ids = torch.arange(tokens)
bases = build_bases_pair("pinv", head, head, (ids, ids))
hidden = torch.randn(positions, width)
alignment.NUMBERS = 1 << 20
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
alignment.align_strongest(hidden[:10], bases, (ids[:500], ids[:500]), 16)
before = peak()
alignment.align_strongest(hidden, bases, (ids, ids), 16)
print(json.dumps(peak() - before))
"""


@pytest.mark.slow
def test_memory_stays_far_below_all_coefficients() -> None:
    """Positions x V in float64 would take 640 MB; a block takes 8 MB, plus a few copies."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True, timeout=240
    )
    assert json.loads(done.stdout) < 120
