"""Targets, compared with explicit decomposition into V coefficients and recomposition."""

import pytest
import torch
from torch import Tensor

from semalign.models.loading import Head
from semalign.signals import alignment
from semalign.signals.alignment import interpolate, map_states
from semalign.signals.semantics.bases import build_bases
from semalign.signals.semantics.maps import apply_map, build_map


def make_head(tokens: int, width: int, seed: int) -> Head:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(tokens, width, generator=generator)
    return Head(weight, weight, torch.rand(width, generator=generator) + 0.5)


def states(count: int, width: int) -> Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(7)) * 30


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize(("name", "kind"), [("pinv", "output"), ("input-side", "input")])
def test_mapping_is_decomposing_then_recomposing(name: str, kind: str, fold: bool) -> None:
    teacher, student = make_head(500, 24, 1), make_head(500, 16, 2)
    everything = torch.arange(500)
    hidden = states(9, 24).double()
    basis_t, basis_s = (
        torch.cat(list(build_bases(kind, head, fold_final_norm=fold).chunks())) for head in (teacher, student)
    )
    coefficients = torch.nn.functional.cosine_similarity(hidden[:, None], basis_t[None], dim=-1)
    assert coefficients.shape == (9, 500)
    expected = coefficients @ basis_s
    mapping = build_map(name, teacher, student, (everything, everything), fold_final_norm=fold)
    torch.testing.assert_close(apply_map(mapping, hidden), expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(map_states(hidden, mapping), expected.float(), rtol=1e-6, atol=1e-6)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    mapping, hidden = states(6, 10).double(), states(50, 10)
    whole = map_states(hidden, mapping)
    monkeypatch.setattr(alignment, "POSITIONS", 7)
    torch.testing.assert_close(map_states(hidden, mapping), whole)
    assert whole.dtype == torch.float32 and whole.shape == (50, 6)


def test_length_of_the_state_does_not_matter() -> None:
    mapping, hidden = states(6, 10).double(), states(4, 10)
    torch.testing.assert_close(map_states(hidden, mapping), map_states(hidden * 100, mapping))


def test_widths_must_fit() -> None:
    with pytest.raises(ValueError, match="width 9"):
        map_states(states(4, 9), states(6, 10))


def test_interpolation_weighs_the_layer_above() -> None:
    layers = {3: torch.tensor([[2.0, 0.0]]), 4: torch.tensor([[4.0, 8.0]])}
    torch.testing.assert_close(interpolate(layers, 3, 4, 0.25), torch.tensor([[2.5, 2.0]]))
    assert torch.equal(interpolate(layers, 3, 4, 0), layers[3])
    assert torch.equal(interpolate(layers, 3, 4, 1), layers[4])


def test_a_layer_of_weight_zero_need_not_be_there() -> None:
    only = {3: torch.ones(1, 2)}
    assert torch.equal(interpolate(only, 3, 4, 0.0), only[3])
    with pytest.raises(KeyError):
        interpolate(only, 3, 4, 0.5)


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_weights_outside_zero_to_one_are_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="not between"):
        interpolate({1: torch.ones(1, 1), 2: torch.ones(1, 1)}, 1, 2, weight)
