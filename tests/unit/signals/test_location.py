"""LaTen's location: the lens and four scores, compared with a slow float64 reference, and the choice of neurons."""

from typing import Any

import pytest
import torch
from fabricated_models import ARCHITECTURES, build_model

from semalign.models.anatomy import facts_of, layers_of
from semalign.signals.location import lens as lens_module
from semalign.signals.location.lens import Lens
from semalign.signals.location.neurons import Counts, Scorer, distinct, locate, ranking, sizes_of
from semalign.signals.location.reading import read_example, value_rows

TOKENS = [1, 40, 50, 60, 70, 55, 81]


def stir(model: Any, seed: int = 0) -> Any:
    """Randomise norms and biases, which start at one and zero."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if "norm" in name or name.endswith("bias"):
            parameter.data += 0.3 * torch.randn(parameter.shape, generator=generator).to(parameter)
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="module", params=ARCHITECTURES)
def model(request) -> Any:
    return stir(build_model(request.param, layers=3, width=32, seed=3).double())


def slow_scores(model: Any, tokens: list[int], released: bool) -> dict[str, list[Any]]:
    """The four scores of every layer, block by block, neuron by neuron, with whole softmaxes.

    Block inputs and attention weights come from the model; everything else is computed here from the weights.
    """
    model.set_attn_implementation("eager")
    facts, config, word = facts_of(model), model.config, tokens[-1]
    out = model(torch.tensor([tokens[:-1]]), output_hidden_states=True, output_attentions=True)
    norm, last = model.get_submodule(facts.final_norm), []
    hook = norm.register_forward_pre_hook(lambda _m, args: last.append(args[0][0, -1]))
    model(torch.tensor([tokens[:-1]]))
    hook.remove()
    state = last[0].double()
    layer_norm = isinstance(norm, torch.nn.LayerNorm)
    if released:
        scale = 1 / state.std().sqrt()
    elif layer_norm:
        scale = 1 / ((state - state.mean()).square().mean() + norm.eps).sqrt()
    else:
        scale = 1 / (state.square().mean() + config.rms_norm_eps).sqrt()

    def log_lens(vector: torch.Tensor) -> torch.Tensor:
        centred = vector - vector.mean() if layer_norm else vector
        normed = centred * scale * (norm.weight + facts.gain_offset) + (norm.bias if layer_norm else 0)
        return torch.log_softmax(model.get_output_embeddings().weight @ normed, -1)[word]

    scores: dict[str, list[Any]] = {"attention": [], "ffn": [], "o": [], "down": []}
    for number, layer in enumerate(layers_of(model)):
        inputs = out.hidden_states[number][0]
        x, weights = inputs[-1], out.attentions[number][0, :, -1].double()  # [heads, keys]
        values = slow_values(model, layer, inputs)  # [keys, heads, head dim]
        u = torch.einsum("hk,khd->hd", weights, values).flatten()
        o = layer.get_submodule(facts.projections["o"])
        down = layer.get_submodule(facts.projections["down"])
        a, a_factor = through(layer, "post_attention_layernorm", o(u), config)
        parallel = config.model_type == "gpt_neox"
        base = x if parallel else x + a
        g = slow_neurons(layer, base, config)
        m, m_factor = through(layer, "post_feedforward_layernorm", down(g), config)
        if number + 1 < len(layers_of(model)):
            torch.testing.assert_close(x + a + m, out.hidden_states[number + 1][0, -1], atol=1e-5, rtol=1e-5)
        if released:
            u = (weights[:, -1:] * values[-1]).flatten()
        before, middle = log_lens(x), log_lens(base)
        scores["attention"].append(log_lens(x + a) - before)
        scores["ffn"].append(log_lens(base + m) - middle)
        scores["o"].append(
            torch.stack([log_lens(x + u[i] * o.weight[:, i] * a_factor) - before for i in range(len(u))])
        )
        scores["down"].append(
            torch.stack(
                [log_lens(base + g[i] * down.weight[:, i] * m_factor) - middle for i in range(len(g))]
            )
        )
    return scores


def slow_values(model: Any, layer: Any, inputs: torch.Tensor) -> torch.Tensor:
    """The values that each head reads, [positions, heads, head dim]."""
    heads = model.config.num_attention_heads
    normed = layer.input_layernorm(inputs)
    if model.config.model_type == "gpt_neox":
        fused = layer.attention.query_key_value(normed).view(len(inputs), heads, 3, -1)
        return fused[:, :, 2]
    shared = model.config.num_key_value_heads
    values = layer.self_attn.v_proj(normed).view(len(inputs), shared, -1)
    return torch.stack([values[:, head * shared // heads] for head in range(heads)], dim=1)


def slow_neurons(layer: Any, base: torch.Tensor, config: Any) -> torch.Tensor:
    """Input of the last feed-forward matrix, for a feed-forward part that reads `base` through its norm."""
    if config.model_type == "gpt_neox":
        return layer.mlp.act(layer.mlp.dense_h_to_4h(layer.post_attention_layernorm(base)))
    name = "pre_feedforward_layernorm" if "gemma" in config.model_type else "post_attention_layernorm"
    normed = layer.get_submodule(name)(base)
    return layer.mlp.act_fn(layer.mlp.gate_proj(normed)) * layer.mlp.up_proj(normed)


def through(layer: Any, norm: str, output: torch.Tensor, config: Any) -> tuple[torch.Tensor, Any]:
    """A sublayer's output after Gemma's norm, and the factor by which the norm multiplies it."""
    if "gemma" not in config.model_type:
        return output, 1.0
    module = layer.get_submodule(norm)
    factor = (1 + module.weight) / (output.square().mean() + config.rms_norm_eps).sqrt()
    return module(output), factor


@pytest.mark.parametrize("released", [False, True])
def test_the_four_scores_are_those_of_a_slow_reference(model: Any, released: bool) -> None:
    expected = slow_scores(model, TOKENS, released)
    scorer = Scorer(model, TOKENS, as_released=released)
    found = {
        "attention": list(scorer.attention_layers()),
        "ffn": list(scorer.ffn_layers()),
        "o": [scorer.attention_neurons(layer) for layer in range(3)],
        "down": [scorer.ffn_neurons(layer) for layer in range(3)],
    }
    tolerance = 6e-5 if released else 2e-6  # scores rounded to four decimals, or norms in float32
    for name, values in expected.items():
        for layer, value in enumerate(values):
            torch.testing.assert_close(
                found[name][layer], value, atol=tolerance, rtol=1e-4, msg=f"{name} {layer}"
            )
    spread = torch.stack(expected["down"]).std()
    assert spread > 100 * tolerance  # otherwise the tolerance would accept anything


def test_released_scores_have_four_decimals(model: Any) -> None:
    scores = Scorer(model, TOKENS, as_released=True).ffn_neurons(0)
    torch.testing.assert_close(scores * 1e4, (scores * 1e4).round(), atol=1e-8, rtol=0)


def test_the_lens_at_the_last_state_is_the_model(model: Any) -> None:
    reading = read_example(model, TOKENS)
    expected = model(torch.tensor([TOKENS])).logits[0, -1].log_softmax(-1)
    for token in (5, 77):
        found = Lens(model, reading.final).log_probability(reading.final[None], token)
        torch.testing.assert_close(found[0], expected[token], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("factor", "shift"), [(1e6, 0.0), (1.0, -2000.0)])
def test_logits_whose_exponentials_overflow_or_vanish(model: Any, factor: float, shift: float) -> None:
    state = read_example(model, TOKENS).final
    lens = Lens(model, state)
    towards = (lens.log_probability(state[None], 5) - lens.log_probability(state[None], 7)).sign()
    lens.head = lens.head.clone()
    lens.head[200] = factor * towards * (lens.head[5] - lens.head[7])
    lens.head_bias, lens.softcap = torch.full((len(lens.head),), shift).to(lens.head), None
    vector = (state - state.mean() if lens.centred else state) * lens.scale * lens.gain
    logits = lens.head @ (vector if lens.bias is None else vector + lens.bias) + shift
    assert abs(logits.max()) > 710
    for token in (5, 200):
        found = lens.log_probability(state[None], token)
        torch.testing.assert_close(found[0], logits.log_softmax(-1)[token])


def test_neurons_add_up_to_their_sublayer(model: Any) -> None:
    scorer = Scorer(model, TOKENS)
    block = scorer.reading.blocks[1]
    for projection, inputs, factor, output in (
        ("o", block.heads, block.attention_factor, block.attention),
        ("down", block.neurons, block.mlp_factor, block.mlp),
    ):
        bias = layers_of(model)[1].get_submodule(facts_of(model).projections[projection]).bias
        total = scorer._parts(1, projection, inputs, factor).sum(0) + (0 if bias is None else bias)
        torch.testing.assert_close(total, output, atol=1e-5, rtol=1e-4)


def test_chunks_of_logits_give_the_same(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Scorer(model, TOKENS).ffn_neurons(2)
    monkeypatch.setattr(lens_module, "LOGITS_AT_ONCE", 259 * 3)
    torch.testing.assert_close(Scorer(model, TOKENS).ffn_neurons(2), whole)


def test_a_value_row_is_read_by_the_neurons_that_name_it(model: Any) -> None:
    neurons = torch.arange(layers_of(model)[0].get_submodule(facts_of(model).projections["o"]).in_features)
    rows = value_rows(model, neurons)
    weight = layers_of(model)[1].get_submodule(facts_of(model).value).weight
    before = read_example(model, TOKENS).blocks[1].heads
    for row in (int(rows[0]), int(rows[-3])):
        kept = weight[row].clone()
        weight[row] += 1
        moved = read_example(model, TOKENS).blocks[1].heads != before
        weight[row] = kept
        assert torch.equal(moved, rows == row)


def test_location_keeps_the_best_layers_by_depth_and_the_best_neurons_first(model: Any) -> None:
    counts = Counts(6, 5, 3)
    found = locate(model, TOKENS, 2, counts)
    scorer = Scorer(model, TOKENS)
    for scores, layers in (
        (found.attention_scores, found.attention_layers),
        (found.ffn_scores, found.ffn_layers),
    ):
        assert layers.tolist() == sorted(sorted(range(3), key=lambda i: -scores[i])[:2])
    neurons = scorer.attention_neurons(int(found.attention_layers[0]))
    by_score = sorted(range(len(neurons)), key=lambda i: -neurons[i])
    assert found.o[0].tolist() == by_score[:5]
    assert found.v[0].tolist() == list(dict.fromkeys(value_rows(model, torch.tensor(by_score)).tolist()))[:3]
    values = scorer.ffn_neurons(int(found.ffn_layers[1]))[found.ffn[1]]
    assert len(values) == 6
    assert (values.diff() <= 0).all()


def test_equals_stand_by_their_number_and_rows_once() -> None:
    assert ranking(torch.tensor([1.0, 3.0, 1.0, 3.0])).tolist() == [1, 3, 0, 2]
    assert distinct(torch.tensor([4, 2, 4, 1, 2])).tolist() == [4, 2, 1]


def test_sizes_count_shared_values_once() -> None:
    counts = {
        kind: sizes_of(build_model(kind, layers=1, width=32, seed=0)) for kind in ("llama", "qwen3", "neox")
    }
    assert counts["llama"] == Counts(64, 32, 16)
    assert counts["qwen3"] == Counts(64, 64, 32)  # attention is wider than the hidden state
    assert counts["neox"] == Counts(64, 32, 32)
