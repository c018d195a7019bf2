"""Semantic bases, compared with direct float64 pseudo-inverses."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from semalign.models.loading import Head
from semalign.runtime.errors import UserError
from semalign.signals.semantics import bases as subject
from semalign.signals.semantics.bases import BASES, build_bases, frame_operator, inverse_gram, unit_rows


def make_head(tokens: int = 600, width: int = 24, condition: float = 10.0, seed: int = 0) -> Head:
    """An LM head with the given condition number and gains far from 1."""
    generator = torch.Generator().manual_seed(seed)
    weight = ill_conditioned(tokens, width, condition, seed)
    embedding = torch.randn(tokens, width, generator=generator)
    gain = torch.rand(width, generator=generator) + 0.5
    return Head(weight.float(), embedding, gain)


def ill_conditioned(tokens: int, width: int, condition: float, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    left, _ = torch.linalg.qr(torch.randn(tokens, width, generator=generator, dtype=torch.float64))
    right, _ = torch.linalg.qr(torch.randn(width, width, generator=generator, dtype=torch.float64))
    values = torch.logspace(0, -torch.log10(torch.tensor(condition)), width, dtype=torch.float64)
    return (left * values) @ right


def all_rows(name: str, head: Head, **options: object) -> Tensor:
    return torch.cat(list(build_bases(name, head, **options).chunks()))  # type: ignore[arg-type]


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("unit", [False, True])
def test_output_bases_are_columns_of_the_pseudo_inverse(fold: bool, unit: bool) -> None:
    head = make_head()
    matrix = head.weight.double() * (head.norm_gain.double() if fold else 1)
    expected = torch.linalg.pinv(matrix).T
    expected = expected / expected.norm(dim=1, keepdim=True) if unit else expected
    found = all_rows("output", head, fold_final_norm=fold, unit=unit)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10)
    assert found.dtype == torch.float64


def test_a_basis_has_logits_closest_to_one_hot() -> None:
    head = make_head(tokens=60, width=8)
    matrix = head.weight.double()
    basis = all_rows("output", head, unit=False)[7]
    target = torch.eye(60, dtype=torch.float64)[7]
    expected = torch.linalg.lstsq(matrix, target[:, None]).solution[:, 0]
    torch.testing.assert_close(basis, expected, rtol=1e-8, atol=1e-10)


def test_folding_moves_the_bases() -> None:
    head = make_head()
    assert not torch.allclose(
        all_rows("output", head), all_rows("output", head, fold_final_norm=True), atol=1e-3
    )


def test_right_at_a_condition_where_float32_pinv_is_silently_wrong() -> None:
    weight = ill_conditioned(32_000, 32, 1e4)
    head = Head(weight.float(), weight.float(), torch.ones(32))
    expected = torch.linalg.pinv(head.weight.double()).T
    found = all_rows("output", head, unit=False)
    naive = torch.linalg.pinv(head.weight).T.double()
    assert float((naive - expected).norm() / expected.norm()) > 0.5
    assert float((found - expected).norm() / expected.norm()) < 1e-6


def test_duplicate_columns_fall_back_to_eigenvalues() -> None:
    weight = torch.randn(500, 16, generator=torch.Generator().manual_seed(3))
    weight[:, 5] = weight[:, 11]
    head = Head(weight, weight, torch.ones(16))
    expected = torch.linalg.pinv(weight.double(), rtol=1e-8).T
    found = all_rows("output", head, unit=False)
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-9)


def test_zero_rows_give_zero_bases_and_nothing_that_is_not_a_number() -> None:
    head = make_head()
    head.weight[[0, 17]] = 0
    head.input_embedding[4] = 0
    for name in BASES:
        assert torch.isfinite(all_rows(name, head)).all()
    assert not all_rows("output", head)[[0, 17]].any()
    assert not all_rows("input", head)[4].any()


def test_a_head_that_is_not_finite_is_refused() -> None:
    head = make_head()
    head.weight[3, 2] = float("nan")
    with pytest.raises(UserError, match="not finite"):
        build_bases("output", head)


@pytest.mark.parametrize("name", list(BASES))
def test_unit_length_and_raw_length(name: str) -> None:
    head = make_head()
    torch.testing.assert_close(all_rows(name, head).norm(dim=1), torch.ones(600, dtype=torch.float64))
    raw = all_rows(name, head, unit=False)
    assert raw.norm(dim=1).std() > 0.01
    torch.testing.assert_close(unit_rows(raw), all_rows(name, head))


def test_input_bases_are_embedding_rows_scaled_by_the_gain_when_folded() -> None:
    head = make_head()
    embedding = head.input_embedding.double()
    torch.testing.assert_close(all_rows("input", head, unit=False), embedding)
    folded = all_rows("input", head, unit=False, fold_final_norm=True)
    torch.testing.assert_close(folded, embedding * head.norm_gain.double())


def test_random_bases_depend_on_the_seed_alone() -> None:
    head, other = make_head(seed=0), make_head(seed=9)
    assert torch.equal(all_rows("random", head, seed=4), all_rows("random", other, seed=4))
    assert not torch.allclose(all_rows("random", head, seed=4), all_rows("random", head, seed=5))


@pytest.mark.parametrize("name", ["output", "input"])
def test_chosen_tokens_in_their_order_whatever_the_chunk(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    head = make_head()
    tokens = torch.tensor([5, 599, 0, 17, 300, 2])
    expected = all_rows(name, head)[tokens]
    monkeypatch.setattr(subject, "CHUNK", 4)
    chunks = list(build_bases(name, head).chunks(tokens))
    assert [len(chunk) for chunk in chunks] == [4, 2]
    torch.testing.assert_close(torch.cat(chunks), expected)


@pytest.mark.parametrize("name", list(BASES))
def test_frame_operator_is_the_sum_of_projections(name: str) -> None:
    head = make_head()
    rows = all_rows(name, head)
    torch.testing.assert_close(frame_operator(build_bases(name, head)), rows.T @ rows)


def test_inverse_gram_over_some_tokens() -> None:
    head = make_head()
    tokens = torch.arange(0, 600, 3)
    rows = head.weight.double()[tokens]
    torch.testing.assert_close(inverse_gram(head.weight, None, tokens), torch.linalg.inv(rows.T @ rows))


def test_half_precision_heads_are_read_in_float64() -> None:
    head = make_head()
    half = replace(head, weight=head.weight.bfloat16())
    rounded = replace(head, weight=head.weight.bfloat16().float())
    torch.testing.assert_close(all_rows("output", half), all_rows("output", rounded))


def test_unknown_name() -> None:
    with pytest.raises(UserError, match="expected one of output, input, random"):
        build_bases("outputs", make_head())
