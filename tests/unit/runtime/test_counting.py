"""Counted operations of matrix products, compared with counts by hand; counting changes no number."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.nn.functional import linear, scaled_dot_product_attention

from semalign.runtime.counting import active, counted, counting, operations
from semalign.runtime.files import read_json, write_text
from semalign.runtime.products import Alike
from semalign.runtime.provenance import Run
from semalign.training import descent

A, B, C, N = 3, 5, 7, 2
PRODUCTS: dict[str, tuple[Callable[[], torch.Tensor], int]] = {
    "mm": (lambda: torch.ones(A, B) @ torch.ones(B, C), 2 * A * B * C),
    "addmm": (lambda: linear(torch.ones(A, B), torch.ones(C, B), torch.ones(C)), 2 * A * B * C),
    "addmm in place": (
        lambda: torch.ones(A, C).addmm_(torch.ones(A, B), torch.ones(B, C)),
        2 * A * B * C,
    ),
    "baddbmm in place": (
        lambda: torch.ones(N, A, C).baddbmm_(torch.ones(N, A, B), torch.ones(N, B, C)),
        2 * N * A * B * C,
    ),
    "bmm": (lambda: torch.ones(N, A, B) @ torch.ones(N, B, C), 2 * N * A * B * C),
    "baddbmm": (
        lambda: torch.baddbmm(torch.ones(N, A, C), torch.ones(N, A, B), torch.ones(N, B, C)),
        2 * N * A * B * C,
    ),
    "mv": (lambda: torch.ones(A, B) @ torch.ones(B), 2 * A * B),
    "float64": (lambda: torch.ones(A, B).double() @ torch.ones(B, C).double(), 2 * A * B * C),
    "einsum": (
        lambda: torch.einsum("nab,nbc->nac", torch.ones(N, A, B), torch.ones(N, B, C)),
        2 * N * A * B * C,
    ),
    "element-wise": (lambda: torch.ones(A, B).exp() * torch.ones(A, B), 0),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_are_counted_as_by_hand(name: str) -> None:
    compute, expected = PRODUCTS[name]
    with counting() as counter:
        compute()
    assert counter.total == expected


def test_the_backward_pass_of_a_product_is_two_products() -> None:
    left, right = torch.ones(A, B, requires_grad=True), torch.ones(B, C, requires_grad=True)
    with counting() as counter:
        (left @ right).sum().backward()
    assert counter.total == 3 * 2 * A * B * C


def test_attention_is_two_products_forward_and_five_backward() -> None:
    heads, positions, size = 4, 6, 8
    query, key, value = (torch.randn(N, heads, positions, size, requires_grad=True) for _ in range(3))
    with counting() as counter:
        out = scaled_dot_product_attention(query, key, value, is_causal=True)
    one = 2 * N * heads * positions**2 * size
    assert counter.total == 2 * one
    with counting() as counter:
        out.sum().backward()
    assert counter.total == 5 * one


def test_nothing_is_counted_outside_and_while_paused() -> None:
    assert (active(), operations()) == (None, {})
    with counting() as counter:
        with counter.paused():
            torch.ones(A, B) @ torch.ones(B, C)
        assert operations() == {"flops": 0}
        with counting() as inner:
            torch.ones(A, B) @ torch.ones(B, C)
        counter.add(5)
    assert inner is counter
    assert counter.total == 2 * A * B * C + 5
    assert active() is None


def test_turns_that_are_alike_are_counted_once() -> None:
    def descend(steps: int) -> int:
        with counting() as counter:
            found = descent.descend(
                torch.ones(A, B), lambda rows: (rows @ torch.ones(B, C)).sum(-1), steps, 0.1
            )
        assert found.shape == (A, B)
        return counter.total

    forward = 2 * A * B * C
    assert [descend(steps) for steps in (0, 1, 2, 9)] == [forward, 3 * forward, 5 * forward, 19 * forward]


def test_a_turn_that_fails_leaves_no_counter() -> None:
    with pytest.raises(RuntimeError), counting(), Alike().turn(counted=False):
        raise RuntimeError
    assert active() is None


def test_a_failed_stage_leaves_no_counter() -> None:
    with pytest.raises(RuntimeError), counting() as counter, counter.paused():
        raise RuntimeError
    assert active() is None
    torch.ones(A, B) @ torch.ones(B, C)
    assert counter.total == 0


def test_a_counted_stage_has_its_operations_in_its_record(tmp_path: Path) -> None:
    def stage(out: Path) -> None:
        run = Run("product")
        torch.ones(A, B) @ torch.ones(B, C)
        write_text(out / "result.txt", "done")
        run.seal(out)

    counted(stage)(tmp_path / "counted")
    stage(tmp_path / "plain")
    assert read_json(tmp_path / "counted/run.json")["flops"] == 2 * A * B * C
    assert "flops" not in read_json(tmp_path / "plain/run.json")
