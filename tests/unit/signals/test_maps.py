"""Teacher-to-student maps, compared with dense float64 code."""

import json
import subprocess
import sys

import pytest
import torch
from torch import Tensor

from semalign.models.loading import Head
from semalign.runtime.errors import UserError
from semalign.signals.semantics import bases as bases_module
from semalign.signals.semantics.maps import apply_map, build_bases_pair, build_map
from semalign.signals.semantics.registry import BASES_MAPS, FITTED_MAPS, HEAD_MAPS, check_top

WITHOUT_DATA = [*BASES_MAPS, *HEAD_MAPS]
WIDTH_T, WIDTH_S, TOKENS = 20, 12, 300


def make_head(tokens: int, width: int, seed: int) -> Head:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(tokens, width, generator=generator) + 0.3
    embedding = torch.randn(tokens, width, generator=generator)
    return Head(weight, embedding, torch.rand(width, generator=generator) + 0.5)


def make_pair() -> tuple[Head, Head, tuple[Tensor, Tensor]]:
    """The teacher has 4 more tokens, and other ids for the shared ones."""
    teacher, student = make_head(TOKENS + 4, WIDTH_T, 1), make_head(TOKENS, WIDTH_S, 2)
    order = torch.randperm(TOKENS + 4, generator=torch.Generator().manual_seed(3))[: TOKENS - 2]
    return teacher, student, (order, torch.arange(TOKENS - 2))


def unit(rows: Tensor) -> Tensor:
    return rows / rows.norm(dim=1, keepdim=True)


def dense(name: str, teacher: Head, student: Head, shared: tuple[Tensor, Tensor], fold: bool) -> Tensor:
    """The map by its formula, with whole V x D matrices in float64."""
    ids_t, ids_s = shared
    heads = [head.weight.double() * (head.norm_gain.double() if fold else 1) for head in (teacher, student)]
    pinvs = [torch.linalg.pinv(head) for head in heads]
    if name == "pinv":
        return unit(pinvs[1].T)[ids_s].T @ unit(pinvs[0].T)[ids_t]
    if name == "pinv-raw":
        return pinvs[1][:, ids_s] @ pinvs[0][:, ids_t].T
    if name == "dual":
        return torch.linalg.pinv(heads[1][ids_s]) @ heads[0][ids_t]
    if name == "vocabulary-least-squares":
        rows_t, rows_s = heads[0][ids_t], heads[1][ids_s]
        centred = rows_t - rows_t.mean(dim=0), rows_s - rows_s.mean(dim=0)
        return torch.linalg.lstsq(*centred).solution.T
    if name == "input-side":
        gains = [head.norm_gain.double() if fold else 1 for head in (teacher, student)]
        rows = [
            unit(head.input_embedding.double() * gain)
            for head, gain in zip((teacher, student), gains, strict=True)
        ]
        return rows[1][ids_s].T @ rows[0][ids_t]
    if name == "identity":
        return torch.eye(WIDTH_S, WIDTH_T, dtype=torch.float64)
    pytest.fail(f"map {name}: no slow formula in dense(), add one")


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("name", [name for name in WITHOUT_DATA if name != "random"])
def test_every_map_equals_its_dense_formula(name: str, fold: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    teacher, student, shared = make_pair()
    monkeypatch.setattr(bases_module, "CHUNK", 64)
    found = build_map(name, teacher, student, shared, fold_final_norm=fold, seed=0)
    assert found.shape == (WIDTH_S, WIDTH_T) and found.dtype == torch.float64
    torch.testing.assert_close(found, dense(name, teacher, student, shared, fold), rtol=1e-9, atol=1e-10)


def test_every_map_is_the_same_twice_and_all_differ() -> None:
    teacher, student, shared = make_pair()
    found = {name: build_map(name, teacher, student, shared, seed=5) for name in WITHOUT_DATA}
    for name, mapping in found.items():
        assert torch.equal(mapping, build_map(name, teacher, student, shared, seed=5))
        assert not any(
            torch.allclose(unit(mapping), unit(other), atol=1e-3)
            for key, other in found.items()
            if key != name
        )


def test_random_map_has_independent_sides() -> None:
    """If both sides were the same draw, equal widths would give about V / D times the identity."""
    head = make_head(4000, 16, 1)
    everything = (torch.arange(4000), torch.arange(4000))
    mapping = build_map("random", head, head, everything, seed=0)
    assert mapping.diagonal().abs().max() < 4000 / 16 / 2
    other = build_map("random", head, head, everything, seed=1)
    assert not torch.allclose(mapping, other)


def test_dual_map_between_equal_models_is_the_identity() -> None:
    head = make_head(TOKENS, WIDTH_S, 2)
    everything = (torch.arange(TOKENS), torch.arange(TOKENS))
    torch.testing.assert_close(
        build_map("dual", head, head, everything), torch.eye(WIDTH_S, dtype=torch.float64), atol=1e-10, rtol=0
    )


def test_token_order_does_not_matter_but_pairing_does() -> None:
    teacher, student, (ids_t, ids_s) = make_pair()
    order = torch.randperm(len(ids_s), generator=torch.Generator().manual_seed(1))
    expected = build_map("pinv", teacher, student, (ids_t, ids_s))
    torch.testing.assert_close(build_map("pinv", teacher, student, (ids_t[order], ids_s[order])), expected)
    assert not torch.allclose(build_map("pinv", teacher, student, (ids_t[order], ids_s)), expected, atol=1e-3)


def test_applied_map_normalises_the_state() -> None:
    mapping = torch.randn(3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    state = torch.tensor([3.0, 0, 4, 0, 0])
    torch.testing.assert_close(apply_map(mapping, state), mapping @ (state.double() / 5))
    assert not apply_map(mapping, torch.zeros(2, 5)).any()


def test_unknown_name_lists_the_names() -> None:
    teacher, student, shared = make_pair()
    with pytest.raises(UserError, match=r"found 'pinvs', expected one of pinv, pinv-raw.*identity"):
        build_map("pinvs", teacher, student, shared)


@pytest.mark.parametrize("name", FITTED_MAPS)
def test_a_fitted_map_is_not_made_of_heads(name: str) -> None:
    teacher, student, shared = make_pair()
    with pytest.raises(ValueError, match="fitted to states"):
        build_map(name, teacher, student, shared)


@pytest.mark.parametrize("name", [*HEAD_MAPS, *FITTED_MAPS])
def test_maps_without_bases_have_no_coefficients(name: str) -> None:
    teacher, student, shared = make_pair()
    with pytest.raises(ValueError, match="not made of bases"):
        build_bases_pair(name, teacher, student, shared)
    check_top(name, None)
    with pytest.raises(
        UserError, match=rf"alignment.top: found 3 with alignment.map '{name}', expected null"
    ):
        check_top(name, 3)


def test_tokens_without_a_row_and_no_tokens_are_refused() -> None:
    teacher, student, shared = make_pair()
    with pytest.raises(UserError, match="student: found token id 300, expected ids below"):
        build_map("pinv", teacher, student, (shared[0], shared[1] + 3))
    with pytest.raises(UserError, match="shared tokens"):
        build_map("pinv", teacher, student, (shared[0][:0], shared[1][:0]))


MEMORY = """
import json, resource, torch
from semalign.models.loading import Head
from semalign.signals.semantics.maps import build_map
tokens, width = 200_000, 128
weight = torch.randn(tokens, width)
head = Head(weight, weight, torch.ones(width))
ids = torch.arange(tokens)
small = Head(weight[:200], weight[:200], torch.ones(width))
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
names = ["pinv", "vocabulary-least-squares"]
for name in names:
    build_map(name, small, small, (ids[:200], ids[:200]))
before = peak()
for name in names:
    build_map(name, head, head, (ids, ids))
print(json.dumps(peak() - before))
"""


@pytest.mark.slow
def test_memory_stays_far_below_a_second_copy_of_the_head() -> None:
    """V x D in float64 would take 195 MB per side; streaming needs a few chunks of 2 MB."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True, timeout=240
    )
    assert json.loads(done.stdout) < 100
