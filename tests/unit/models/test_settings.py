"""Settings in config.json that leave no trace in the tensors, and that decide what a model computes."""

from pathlib import Path
from typing import Any

import pytest
from edited_models import copy_of, edit_json
from fabricated_models import ARCHITECTURES, build_model, write_tokenizer

from semalign.models.inspection import problems_of

SHAPE: dict[str, Any] = {"layers": 2, "width": 32, "seed": 0}
ROPE = {"rope_type": "default", "rope_theta": 10_000.0}
LLAMA3 = {
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One model of each family."""
    folders = {kind: tmp_path_factory.mktemp("models") / kind for kind in ARCHITECTURES}
    for kind, folder in folders.items():
        build_model(kind, **SHAPE).save_pretrained(folder)
        write_tokenizer(folder)
    return folders


WRONG: dict[str, tuple[str, dict[str, Any], str]] = {
    "a cap that the model lacks": (
        "llama",
        {"final_logit_softcapping": 5.0},
        r"final_logit_softcapping: found 5\.0, expected no such key for LlamaForCausalLM",
    ),
    "no room below the cap": (
        "gemma3",
        {"final_logit_softcapping": 0.0},
        "found 0.0, expected a number above 0",
    ),
    "negative cap": ("gemma3", {"final_logit_softcapping": -30}, "found -30, expected a number above 0"),
    "cap as text": ("gemma3", {"final_logit_softcapping": "30"}, 'found "30", expected a number'),
    "NaN": ("llama", {"rms_norm_eps": float("nan")}, "rms_norm_eps: found NaN, expected a number from 0"),
    "infinity in a list": (
        "llama",
        {"extra": {"x": [1, float("inf")]}},
        r"extra\.x\.1: found inf, expected a finite",
    ),
    "negative under a root": ("neox", {"layer_norm_eps": -1}, "layer_norm_eps: found -1"),
    "null": ("qwen3", {"rms_norm_eps": None}, "rms_norm_eps: found null"),
    "no scale": ("gemma3", {"query_pre_attn_scalar": 0}, "query_pre_attn_scalar: found 0"),
    "no window": (
        "mistral",
        {"sliding_window": 0},
        "sliding_window: found 0, expected a whole number above 0, or null",
    ),
    "window as text": ("gemma3", {"sliding_window": "8"}, 'sliding_window: found "8"'),
    "all dropped": ("llama", {"attention_dropout": 1}, "attention_dropout: found 1, expected .* below 1"),
    "both directions": (
        "llama",
        {"is_causal": False},
        "is_causal: found false, expected true: a model that sees later",
    ),
    "both directions, Gemma": (
        "gemma3",
        {"use_bidirectional_attention": True},
        "use_bidirectional_attention: found true, expected false: a model that sees later",
    ),
    "positions of one kind": (
        "gemma3",
        {"rope_parameters": ROPE},
        "rope_parameters: found .*, expected settings for each of full_attention and sliding_attention",
    ),
    "positions of two kinds": (
        "llama",
        {"rope_parameters": {"full_attention": ROPE}},
        r"rope_parameters\.full_attention: found settings for a kind of layers",
    ),
    "a factor without an effect": (
        "llama",
        {"rope_parameters": {**ROPE, "factor": 8.0}},
        r"rope_parameters\.factor: found 8\.0 beside rope_type default",
    ),
    "tuples": ("llama", {"return_dict": False}, "return_dict: found false, expected true"),
    "function as number": ("llama", {"hidden_act": 3}, "hidden_act: found 3, expected the name"),
    "settings inside": (
        "llama",
        {"text_config": {"num_hidden_layers": 5}},
        "text_config: found .* at the top",
    ),
    "unknown layers": (
        "qwen2",
        {"layer_types": ["full_attention", "odd"]},
        'layer_types: found "odd", expected full',
    ),
    "layers without a window": (
        "qwen3",
        {
            "layer_types": ["sliding_attention", "full_attention"],
            "use_sliding_window": True,
            "sliding_window": None,
        },
        "found sliding_attention, but sliding_window is nothing",
    ),
    "a window that is off": (
        "qwen2",
        {"layer_types": ["sliding_attention", "full_attention"], "sliding_window": 8},
        "found sliding_attention, but use_sliding_window is false",
    ),
    "windows that the model lacks": (
        "llama",
        {"layer_types": ["sliding_attention", "full_attention"], "sliding_window": 8},
        'layer_types: found "sliding_attention", expected full_attention for Llama',
    ),
    "base 0": (
        "llama",
        {"rope_parameters": {**ROPE, "rope_theta": 0}},
        r"rope_parameters\.rope_theta: found 0",
    ),
    "NaN of transformers": (
        "llama",
        {"rope_parameters": {**ROPE, "rope_theta": {"__float__": "NaN"}}},
        r"rope_parameters\.rope_theta: found NaN, expected a finite",
    ),
    "base as text": ("llama", {"rope_parameters": ..., "rope_theta": "1e4"}, 'rope_theta: found "1e4"'),
    "two bases": (
        "llama",
        {"rope_theta": 5e5},
        r"rope_theta: found 500000\.0, but rope_parameters\.rope_theta is 10000",
    ),
    "two local bases": (
        "gemma3",
        {"rope_local_base_freq": 5.0},
        r"but rope_parameters\.sliding_attention\.rope_theta is",
    ),
    "two scalings": (
        "llama",
        {"rope_scaling": {"type": "linear", "factor": 4.0}},
        r'rope_scaling\.rope_type: found "linear", but rope_parameters says "default"',
    ),
    "two kinds": (
        "llama",
        {"rope_parameters": {**ROPE, "type": "linear", "factor": 2}},
        r'found type "linear" and rope_type "default", expected one',
    ),
    "factor of no kind": (
        "llama",
        {"rope_parameters": ..., "rope_scaling": {"factor": 4.0}},
        r"rope_scaling\.rope_type: found nothing, expected one of default, linear",
    ),
    "kind without a factor": (
        "llama",
        {"rope_parameters": {**ROPE, "rope_type": "yarn"}},
        r"\.factor: found nothing",
    ),
    "unknown kind": (
        "llama",
        {"rope_parameters": {**ROPE, "rope_type": "su"}},
        r'rope_type: found "su", expected one',
    ),
    "factor 0": (
        "llama",
        {"rope_parameters": {"rope_type": "linear", "factor": 0.0}},
        r"\.factor: found 0\.0",
    ),
    "half of Llama 3": (
        "llama",
        {"rope_parameters": {**ROPE, "rope_type": "llama3", "factor": 8.0}},
        r"low_freq_factor: found nothing, expected a value for rope_type llama3",
    ),
    "few factors": (
        "llama",
        {
            "rope_parameters": {
                **ROPE,
                "rope_type": "longrope",
                "short_factor": [1.0],
                "long_factor": [1.0] * 4,
            }
        },
        r"short_factor: found 1 numbers, expected 4, half of the rotated",
    ),
    "more than a head": (
        "neox",
        {"rope_parameters": {**ROPE, "partial_rotary_factor": 2.0}},
        r"partial_rotary_factor: found 2\.0, expected a number above 0, at most 1",
    ),
    "two shares": (
        "neox",
        {"rotary_pct": 0.5},
        r"rotary_pct: found 0\.5, but .*partial_rotary_factor is 0\.25",
    ),
    "no object": ("llama", {"rope_scaling": [1]}, r"rope_scaling: found \[1\], expected an object"),
    "no context": ("llama", {"max_position_embeddings": None}, "max_position_embeddings: found null"),
    "no inner width": ("llama", {"intermediate_size": None}, "intermediate_size: found null"),
    "odd head": ("mistral", {"head_dim": 7}, "head_dim: found 7, expected an even number"),
}


@pytest.mark.parametrize(("kind", "changes", "expected"), WRONG.values(), ids=WRONG)
def test_a_setting_that_spoils_a_model_is_one_line(
    kind: str, changes: dict[str, Any], expected: str, models: dict[str, Path], tmp_path: Path
) -> None:
    import re

    folder = edit_json(copy_of(models[kind], tmp_path / "model"), **changes)
    lines = problems_of(folder, "models.a.path")
    assert any(re.search(expected, line) for line in lines), lines
    assert all(line.startswith(f"models.a.path: {folder / 'config.json'}: ") for line in lines)


RIGHT: dict[str, tuple[str, dict[str, Any]]] = {
    "older form": ("llama", {"rope_parameters": ..., "rope_theta": 5e5, "rope_scaling": None}),
    "older linear": ("llama", {"rope_parameters": ..., "rope_scaling": {"type": "linear", "factor": 2.0}}),
    "Llama 3": (
        "llama",
        {"rope_parameters": ..., "rope_theta": 5e5, "rope_scaling": {"rope_type": "llama3", **LLAMA3}},
    ),
    "both, alike": ("llama", {"rope_theta": 10_000, "rope_scaling": {"type": "default"}}),
    "both names": ("llama", {"rope_parameters": {**ROPE, "type": "default"}}),
    "yarn": ("qwen2", {"rope_parameters": {**ROPE, "rope_type": "yarn", "factor": 4.0}}),
    "Qwen 2.5": (
        "qwen2",
        {"use_sliding_window": False, "sliding_window": 131072, "max_window_layers": 28, "layer_types": ...},
    ),
    "windows": (
        "qwen3",
        {"use_sliding_window": True, "sliding_window": 8, "layer_types": ["sliding_attention"] * 2},
    ),
    "Gemma 3, older": (
        "gemma3",
        {"rope_parameters": ..., "rope_theta": 1e6, "rope_local_base_freq": 1e4, "rope_scaling": None},
    ),
    "Gemma 3, 4B": (
        "gemma3",
        {"rope_parameters": ..., "rope_theta": 1e6, "rope_scaling": {"factor": 8.0, "rope_type": "linear"}},
    ),
    "Gemma 3, capped": ("gemma3", {"final_logit_softcapping": 30.0, "attn_logit_softcapping": None}),
    "no cap": ("llama", {"final_logit_softcapping": None, "sliding_window": None, "is_causal": True}),
    "Pythia": ("neox", {"rope_parameters": ..., "rotary_pct": 0.25, "rotary_emb_base": 10000}),
}


@pytest.mark.parametrize(("kind", "changes"), RIGHT.values(), ids=RIGHT)
def test_settings_of_known_models_are_in_order(
    kind: str, changes: dict[str, Any], models: dict[str, Path], tmp_path: Path
) -> None:
    from semalign.models.checking import check_model

    folder = edit_json(copy_of(models[kind], tmp_path / "model"), **changes)
    assert problems_of(folder) == []
    check_model(folder)
