"""The choice of layers: block influence against a loop, and a model with layers removed."""

from typing import Any

import torch
from pruning_cases import batches, documents, logits, pico

from semalign.models.pruning.depth import block_influence, keep_layers, most_influential


def test_block_influence_is_that_of_a_loop_over_tokens() -> None:
    model = pico()
    sums, tokens = [0.0] * 4, 0
    for document in documents():
        with torch.no_grad():
            run = model.model(torch.tensor([document.input_ids]), output_hidden_states=True)
        # the last of the hidden states is normed, so the last layer's output comes from a hook
        states = [state[0].double() for state in run.hidden_states]
        states[-1] = _last_output(model, document.input_ids).double()
        for at in range(len(document.input_ids)):
            tokens += 1
            for layer in range(4):
                x, y = states[layer][at], states[layer + 1][at]
                sums[layer] += float(x @ y / (x.norm() * y.norm()))
    expected = [1 - total / tokens for total in sums]
    found = block_influence(model, batches())
    torch.testing.assert_close(torch.tensor(found), torch.tensor(expected), rtol=0, atol=1e-5)


def test_the_layers_of_highest_influence_stay_in_order() -> None:
    assert most_influential([0.3, 0.1, 0.5, 0.2], 2) == [0, 2]
    assert most_influential([0.1, 0.1, 0.1], 2) == [0, 1]


def test_a_model_without_a_layer_is_the_layers_that_are_left() -> None:
    model = pico()
    shorter = keep_layers(model, [0, 2, 3])
    by_hand = pico()
    del by_hand.model.layers[1]
    for index, layer in enumerate(by_hand.model.layers):
        layer.self_attn.layer_idx = index
    by_hand.config.num_hidden_layers = 3
    torch.testing.assert_close(logits(shorter, documents()), logits(by_hand, documents()))
    assert shorter.config.num_hidden_layers == 3


def test_kinds_of_layers_follow_their_layers() -> None:
    model = pico("qwen3")
    model.config.layer_types = ["full_attention", "sliding_attention", "full_attention", "sliding_attention"]
    assert keep_layers(model, [0, 3]).config.layer_types == ["full_attention", "sliding_attention"]


def _last_output(model: Any, ids: list[int]) -> torch.Tensor:
    kept: list[torch.Tensor] = []
    handle = model.model.layers[-1].register_forward_hook(
        lambda _m, _a, output: kept.append(output[0] if isinstance(output, tuple) else output)
    )
    with torch.no_grad():
        model(torch.tensor([ids]))
    handle.remove()
    return kept[0].reshape(len(ids), -1)
