"""Additions to rows and columns: the same by hooks and in the weights, and no other weight changes."""

from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_models import ARCHITECTURES, build_model
from safetensors.torch import save_file

from semalign.models.anatomy import facts_of
from semalign.models.deltas import Delta, add_deltas, alongside, read_deltas, save_deltas
from semalign.models.loading import load_model
from semalign.models.transfers import load_student, write_transfer
from semalign.runtime.errors import UserError

TOKENS = torch.tensor([[1, 40, 50, 60, 70], [1, 61, 90, 33, 20]])


def some_deltas(model: Any, size: float = 0.05, seed: int = 0) -> list[Delta]:
    """Rows of up and v, columns of down and o, in two layers."""
    facts, generator = facts_of(model), torch.Generator().manual_seed(seed)
    names = {"up": 0, "down": 1, "o": 1}
    modules = [(facts.projections[name], dim) for name, dim in names.items()] + [(facts.value, 0)]
    deltas = []
    for layer in (0, 2):
        for name, dim in modules:
            module = f"{facts.layers}.{layer}.{name}"
            shape = list(model.get_submodule(module).weight.shape)
            indices = torch.randperm(shape[dim], generator=generator)[:5]
            shape[dim] = 5
            deltas.append(Delta(module, dim, indices, size * torch.randn(shape, generator=generator)))
    return deltas


@pytest.mark.parametrize("kind", ARCHITECTURES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_hooks_give_the_logits_of_merged_weights(kind: str, dtype: torch.dtype) -> None:
    model = build_model(kind, layers=3, width=32, seed=3).to(dtype).eval().requires_grad_(False)
    deltas = some_deltas(model)
    plain = model(TOKENS).logits
    with alongside(model, deltas):
        hooked = model(TOKENS).logits
    assert torch.equal(model(TOKENS).logits, plain)  # the hooks are gone
    add_deltas(model, deltas)
    # norms and attention's softmax run in float32 whatever the model's type
    tolerance = 2e-5 if dtype == torch.float64 else 1e-4
    torch.testing.assert_close(hooked, model(TOKENS).logits, atol=tolerance, rtol=tolerance)
    assert (hooked - plain).abs().max() > 100 * tolerance


def test_gradients_reach_the_values_and_are_those_of_a_weight_override() -> None:
    model = build_model("llama", layers=3, width=32, seed=3).double().eval().requires_grad_(False)
    deltas = [
        Delta(d.module, d.dim, d.indices, d.values.double().requires_grad_()) for d in some_deltas(model)
    ]
    target = torch.randn(2, 5, 259, generator=torch.Generator().manual_seed(1)).double()
    with alongside(model, deltas):
        (model(TOKENS).logits * target).sum().backward()
    hooked = [d.values.grad for d in deltas]
    values = [d.values.detach().requires_grad_() for d in deltas]
    weights = {
        f"{d.module}.weight": model.get_submodule(d.module).weight.index_add(d.dim, d.indices, v)
        for d, v in zip(deltas, values, strict=True)
    }
    logits = torch.func.functional_call(model, weights, (TOKENS,)).logits
    direct = torch.autograd.grad((logits * target).sum(), values)
    for found, expected in zip(hooked, direct, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_stored_and_loaded_only_the_slices_differ(pico_pair, tmp_path: Path) -> None:
    teacher, student = pico_pair
    before = load_model(student)
    deltas = some_deltas(before)
    save_deltas(deltas, tmp_path)
    write_transfer(tmp_path, "delta")
    for stored, delta in zip(
        read_deltas(tmp_path), sorted(deltas, key=lambda delta: delta.module), strict=True
    ):
        assert (stored.module, stored.dim) == (delta.module, delta.dim)
        assert torch.equal(stored.indices, delta.indices)
        assert torch.equal(stored.values, delta.values)
    after = dict(load_student(student, teacher, tmp_path).named_parameters())
    chosen = {f"{delta.module}.weight": delta for delta in deltas}
    for name, weight in before.named_parameters():
        expected = torch.zeros_like(weight, dtype=torch.bool)
        if name in chosen:
            expected.index_fill_(chosen[name].dim, chosen[name].indices, True)
        assert torch.equal(after[name] != weight, expected), name


def test_the_sum_is_rounded_once(pico_pair, tmp_path: Path) -> None:
    teacher, student = pico_pair
    model = load_model(student, dtype=torch.bfloat16)
    module = "model.layers.0.mlp.up_proj"
    old = model.get_submodule(module).weight[:5].float()
    values = (
        old * 0.0039 + 1e-5
    )  # about the last place of a bfloat16, so that rounding the delta itself would be visible
    save_deltas([Delta(module, 0, torch.arange(5), values)], tmp_path)
    write_transfer(tmp_path, "delta")
    new = load_student(student, teacher, tmp_path, dtype=torch.bfloat16).get_submodule(module).weight[:5]
    assert torch.equal(new, (old + values).bfloat16())
    assert not torch.equal(new, old.bfloat16())


def test_what_does_not_fit_is_refused_in_one_line(pico_pair, tmp_path: Path) -> None:
    model = load_model(pico_pair[1])
    up, values = "model.layers.0.mlp.up_proj", torch.ones(2, 32)
    with pytest.raises(UserError, match=r"module 'model\.layers\.9\.mlp\.up_proj' is not in Llama"):
        add_deltas(model, [Delta("model.layers.9.mlp.up_proj", 0, torch.tensor([0, 1]), values)])
    with pytest.raises(UserError, match=r"values \[2, 31\], expected \[2, 32\]"):
        add_deltas(model, [Delta(up, 0, torch.tensor([0, 1]), values[:, 1:])])
    with pytest.raises(UserError, match="does the delta belong to another student"):
        add_deltas(model, [Delta(up, 0, torch.tensor([0, 64]), values)])
    with pytest.raises(UserError, match=r"delta\.safetensors: not a readable delta"):
        read_deltas(tmp_path)
    save_file({"a.dim": torch.tensor(0)}, tmp_path / "delta.safetensors")
    with pytest.raises(UserError, match=r"delta\.safetensors: not a readable delta"):
        read_deltas(tmp_path)


def test_an_unknown_kind_names_those_there_are(pico_pair, tmp_path: Path) -> None:
    write_transfer(tmp_path, "dleta")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="kind: found 'dleta', expected one of untouched, adapter, delta"):
        load_student(pico_pair[1], pico_pair[0], tmp_path)
