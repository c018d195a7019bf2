"""Readouts and heads give the logits of the whole model."""

from pathlib import Path

import pytest
import torch
from fabricated_models import build_model

from semalign.models.anatomy import capture, facts_of
from semalign.models.loading import load_model
from semalign.models.readout import head_logits, read_readout, readout_of


@pytest.mark.parametrize("kind", ["llama", "mistral", "qwen2", "qwen3", "gemma3", "neox"])
@pytest.mark.parametrize("tied", [False, True])
def test_a_readout_says_what_the_whole_model_says(kind: str, tied: bool, tmp_path: Path) -> None:
    """From the last block's output, with non-trivial gains (and biases) of the norm, and a soft cap if there is one."""
    model = build_model(kind, layers=2, width=32, seed=4, tied=tied)
    with torch.no_grad():
        for parameter in model.get_submodule(facts_of(model).final_norm).parameters():
            parameter.add_(torch.randn_like(parameter))
    if kind == "gemma3":
        model.config.final_logit_softcapping = 3.0
    model.save_pretrained(tmp_path)
    model = load_model(tmp_path)
    tokens = torch.tensor([[1, 40, 50, 60]])
    with capture(model, [2], ["block"]) as states:
        expected = model(tokens).logits[0]
    some = torch.tensor([7, 3, 200])
    block = states["block", 2][0]
    torch.testing.assert_close(readout_of(model).of_block(block), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(read_readout(tmp_path).of_block(block), expected, atol=1e-5, rtol=1e-5)
    found = read_readout(tmp_path, some).of_block(block)
    torch.testing.assert_close(found, expected[:, some], atol=1e-5, rtol=1e-5)
    assert not any(p.requires_grad for p in read_readout(tmp_path).norm.parameters())


def test_a_soft_cap_holds_in_the_head_alone(tmp_path: Path) -> None:
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    torch.manual_seed(0)
    config = Gemma3TextConfig(
        vocab_size=259,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        final_logit_softcapping=2.0,
        initializer_range=0.5,
    )
    Gemma3ForCausalLM(config).save_pretrained(tmp_path)
    model = load_model(tmp_path)
    output = model(torch.tensor([[1, 40, 50]]), output_hidden_states=True)
    found = head_logits(model, output.hidden_states[-1][0])
    assert output.logits.abs().max() > 1.5  # the soft cap makes a difference
    torch.testing.assert_close(found, output.logits[0])
