"""Captured states against a computation by hand, and the early stop against a full pass."""

from pathlib import Path

import pytest
import torch

from semalign.benchmarks.base import read_split
from semalign.benchmarks.encoding import encode
from semalign.models.anatomy import INTERFACES, adapted_modules, capture
from semalign.models.loading import load_model, load_tokenizer
from semalign.models.states import offsets_of, read_states
from semalign.runtime.errors import UserError


@pytest.fixture(scope="module")
def subject(pico_pair: tuple[Path, Path], pico_benchmark: Path):
    tokenizer = load_tokenizer(pico_pair[0])
    encoded = [encode(example, tokenizer) for example in read_split(pico_benchmark, "train")]
    return load_model(pico_pair[0]), encoded


def test_interfaces_add_up_and_match_a_block_by_hand(subject) -> None:
    model, encoded = subject
    tokens = torch.tensor([encoded[0].input_ids])
    with torch.no_grad(), capture(model, [2], INTERFACES) as states:
        hidden = model(tokens, output_hidden_states=True).hidden_states
    before, after = hidden[1], hidden[2]
    block = model.model.layers[1]
    with torch.no_grad():
        middle = before + states["attention", 2]
        by_hand = block.mlp(block.post_attention_layernorm(middle))
    torch.testing.assert_close(states["mlp", 2], by_hand)
    torch.testing.assert_close(states["block", 2], after)
    torch.testing.assert_close(
        states["contribution", 2], states["attention", 2] + states["mlp", 2], atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize("interface", INTERFACES)
def test_stored_states_are_those_of_single_full_passes(subject, interface: str) -> None:
    model, encoded = subject
    stored = read_states(model, encoded, [1, 3], interface, batch_size=4, pad_id=0)
    offsets = offsets_of(encoded)
    for index, item in enumerate(encoded):
        with torch.no_grad(), capture(model, [1, 3], [interface]) as states:
            model(torch.tensor([item.input_ids]))
        for layer in (1, 3):
            expected = states[interface, layer][0, item.answer_start - 1 : len(item.input_ids) - 1]
            found = stored[layer][offsets[index] : offsets[index + 1]]
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_layers_above_the_deepest_do_not_run(subject) -> None:
    model, encoded = subject
    ran = []
    hook = model.model.layers[3].register_forward_hook(lambda *_: ran.append(True))
    read_states(model, encoded, [3], "mlp", batch_size=4, pad_id=0)
    hook.remove()
    assert not ran


def test_unknown_parts_are_refused_in_one_line(subject) -> None:
    model, _ = subject
    with (
        pytest.raises(UserError, match="layer: found 9, expected a layer of the model, 1 to 4"),
        capture(model, [9], ["mlp"]),
    ):
        pass
    with pytest.raises(UserError, match="interface: found 'mpl'"), capture(model, [1], ["mpl"]):
        pass
    with pytest.raises(UserError, match="projection 'qkv'"):
        adapted_modules(model, [1], ["qkv"])
