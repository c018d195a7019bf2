"""Count the floating-point operations of the matrix products that torch executes.

A product of [a, b] and [b, c] matrices has 2 a b c operations, whatever its precision. Attention counts as its
products, without regard to masks: two forward, and five backward, since fused attention computes the scores again.
Element-wise operations, norms, the optimiser, and factorisations such as SVD are not counted: they are few, or have no
exact count.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode

aten = torch.ops.aten


def _product(left: torch.Tensor, right: torch.Tensor, *_: Any, **__: Any) -> int:
    """2 a b c for [..., a, b] times [..., b, c]."""
    return 2 * left.numel() * right.shape[-1]


def _added_product(_added: torch.Tensor, left: torch.Tensor, right: torch.Tensor, *_: Any, **__: Any) -> int:
    return _product(left, right)


def _vector_product(matrix: torch.Tensor, _vector: torch.Tensor, *_: Any, **__: Any) -> int:
    return 2 * matrix.numel()


def _attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *_: Any, **__: Any) -> int:
    """Scores and weighted values; each query head counts, also if several share a key head."""
    return _scores(query, key) * (query.shape[-1] + value.shape[-1])


def _attention_backward(
    _gradient: torch.Tensor,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    *_: Any,
    **__: Any,
) -> int:
    """Scores again, and the gradients of weights, values, queries and keys."""
    return _scores(query, key) * (3 * query.shape[-1] + 2 * value.shape[-1])


def _scores(query: torch.Tensor, key: torch.Tensor) -> int:
    """2 x examples x heads x queries x keys, for [examples, heads, positions, size]."""
    return 2 * prod(query.shape[:-1]) * key.shape[-2]


Formula = Callable[..., int]
FUSED = ("flash_attention_for_cpu", "flash_attention", "efficient_attention", "cudnn_attention")


def _formulas() -> Mapping[Any, Formula]:
    found: dict[Any, Formula] = {
        aten.mm: _product,
        aten.bmm: _product,
        aten.addmm: _added_product,
        aten.addmm_: _added_product,  # in place, as sums over the vocabulary are
        aten.baddbmm: _added_product,
        aten.baddbmm_: _added_product,
        aten.mv: _vector_product,
    }
    for name in FUSED:
        # which of them exist depends on how torch was built
        for ending, formula in (("", _attention), ("_backward", _attention_backward)):
            if operator := getattr(aten, f"_scaled_dot_product_{name}{ending}", None):
                found[operator] = formula
    return found


FORMULAS = _formulas()


class Products(TorchDispatchMode):
    """Context in which matrix products are counted in `total`, forward and backward; results do not change."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run the operation, and count it if it is a matrix product."""
        if formula := FORMULAS.get(func.overloadpacket):
            self.total += formula(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Context in which nothing is counted. Counting slows small models down by half."""
        self.__exit__(None, None, None)
        try:
            yield
        finally:
            self.__enter__()


class Alike:
    """Iterations of a loop with the same products: only one is counted, and its count is multiplied."""

    def __init__(self) -> None:
        self.each = 0

    @contextlib.contextmanager
    def turn(self, counted: bool) -> Iterator[None]:
        """Context of one turn; one that is not `counted` has the operations of the last one that was."""
        products = _get_current_dispatch_mode()
        if not isinstance(products, Products):
            yield
        elif counted:
            before = products.total
            yield
            self.each = products.total - before
        else:
            with products.paused():
                yield
            products.total += self.each
