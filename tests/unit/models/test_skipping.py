"""Resuming a model from the states of any layer, compared with the whole model in float64."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_models import ARCHITECTURES

from semalign.models.anatomy import capture, layers_of
from semalign.models.loading import load_model
from semalign.models.skipping import resumed

TOKENS = torch.tensor([[1, 40, 50, 60, 70, 80, 90, 100, 110, 120], [1, 41, 51, 61, 2, 0, 0, 0, 0, 0]])
MASK = (TOKENS != 0).long()


def blocks(model: Any, **inputs: Any) -> tuple[list[torch.Tensor], torch.Tensor]:
    """The block outputs of all layers, and the logits."""
    numbers = range(1, len(layers_of(model)) + 1)
    with capture(model, numbers, ["block"]) as states:
        logits = model(TOKENS, attention_mask=MASK, use_cache=False, **inputs).logits
    return [states["block", number] for number in numbers], logits


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_from_any_layer_on_the_logits_are_those_of_the_whole_model(
    kind: str, models: Callable[..., Path]
) -> None:
    model = load_model(models(kind, layers=4, width=32, seed=3), dtype=torch.float64)
    states, logits = blocks(model)
    for layer, block in enumerate(states, start=1):
        with resumed(model, layer, block):
            found = model(TOKENS, attention_mask=MASK, use_cache=False).logits
        torch.testing.assert_close(found[MASK.bool()], logits[MASK.bool()], atol=1e-12, rtol=1e-12)
        with resumed(model, layer, block.roll(1, -1)):
            other = model(TOKENS, attention_mask=MASK, use_cache=False).logits
        assert (other - logits).abs().max() > 1e-6


def test_layers_up_to_it_do_not_run_and_gradients_reach_the_states(models: Callable[..., Path]) -> None:
    model = load_model(models("llama", layers=4, width=32, seed=3))
    states = blocks(model)[0][1].requires_grad_()
    ran: list[int] = []
    for number, layer in enumerate(layers_of(model), start=1):
        layer.mlp.register_forward_hook(lambda *_args, number=number: ran.append(number))
    with resumed(model, 2, states):
        model(TOKENS, attention_mask=MASK, use_cache=False).logits[MASK.bool()].sum().backward()
    assert ran == [3, 4]
    assert states.grad is not None
    assert (states.grad[MASK.bool()].norm(dim=-1) > 0).all()
    assert all("forward" not in layer.__dict__ for layer in layers_of(model))


def test_reading_a_layer_that_is_skipped_is_refused(models: Callable[..., Path]) -> None:
    model = load_model(models("llama", layers=4, width=32, seed=3))
    states = blocks(model)[0]
    for read in (1, 2):
        with (
            resumed(model, 2, states[1]),
            pytest.raises(ValueError, match="found a hook on a layer that is skipped"),
            capture(model, [read], ["block"]),
        ):
            model(TOKENS, use_cache=False)
    assert torch.equal(blocks(model)[0][3], states[3])  # works again after the error


def test_a_layer_with_its_own_forward_gets_it_back(models: Callable[..., Path]) -> None:
    """As in a model over several GPUs."""
    model = load_model(models("llama", layers=2, width=32, seed=3))
    states, logits = blocks(model)
    first = layers_of(model)[0]
    own = first.forward

    def dispatched(*args: Any, **kwargs: Any) -> Any:
        return own(*args, **kwargs)

    first.forward = dispatched
    with resumed(model, 1, states[0]):
        model(TOKENS, use_cache=False)
    assert first.forward is dispatched
    assert torch.equal(blocks(model)[1], logits)
