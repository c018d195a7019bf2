"""The table of tensors is that of transformers' own models, for every size and flag that their configs have."""

from typing import Any

import pytest
import torch
import transformers as hf

from semalign.models.architectures import ARCHITECTURES
from semalign.models.families import FAMILIES
from semalign.models.inspection import expected_tensors, is_tied
from semalign.models.naming import own_name

CONFIGS = {
    "LlamaForCausalLM": hf.LlamaConfig,
    "MistralForCausalLM": hf.MistralConfig,
    "Qwen2ForCausalLM": hf.Qwen2Config,
    "Qwen3ForCausalLM": hf.Qwen3Config,
    "Gemma3ForCausalLM": hf.Gemma3TextConfig,
    "GPTNeoXForCausalLM": hf.GPTNeoXConfig,
}
FEW = {"num_hidden_layers": 2, "hidden_size": 48, "vocab_size": 70}
OPTIONAL = ("LlamaForCausalLM", "Qwen2ForCausalLM")  # num_key_value_heads may be null
# every key of these six configs that has an effect on names or shapes
CHANGES: list[dict[str, Any]] = [
    {},
    {"num_attention_heads": 4, "intermediate_size": 80},
    {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 20, "intermediate_size": 30},
    {"num_attention_heads": 6, "num_key_value_heads": None, "intermediate_size": 30},
    {"attention_bias": True, "mlp_bias": True, "num_attention_heads": 4, "head_dim": 12},
    {"attention_bias": False, "mlp_bias": False, "num_attention_heads": 4, "tie_word_embeddings": True},
    {"tie_word_embeddings": False, "num_attention_heads": 4, "num_hidden_layers": 7},
]


@pytest.mark.parametrize("changes", CHANGES, ids=str)
@pytest.mark.parametrize("name", CONFIGS)
def test_names_and_shapes_are_those_of_the_library(name: str, changes: dict[str, Any]) -> None:
    keys = (
        {**FEW, **changes} if changes else {**FEW, "hidden_size": 64}
    )  # by default there are up to 64 heads
    default = CONFIGS[name]()
    if getattr(default, "num_key_value_heads", None) and "num_attention_heads" in keys:
        keys.setdefault("num_key_value_heads", 2)
    if keys.get("num_key_value_heads", 2) is None and name not in OPTIONAL:
        keys["num_key_value_heads"] = 3
    facts = ARCHITECTURES[name]
    with torch.device("meta"):
        model = getattr(hf, name)(CONFIGS[name](**keys, pad_token_id=None))
    expected = {own_name(facts, key): tuple(tensor.shape) for key, tensor in model.state_dict().items()}
    assert expected_tensors(name, keys) == expected
    assert is_tied(name, keys) == model.config.tie_word_embeddings
    assert FAMILIES[name].model_type == model.config.model_type


def test_every_architecture_has_its_family() -> None:
    assert FAMILIES.keys() == ARCHITECTURES.keys() == CONFIGS.keys()


@pytest.mark.parametrize("name", CONFIGS)
def test_the_defaults_are_those_of_the_library(name: str) -> None:
    config = CONFIGS[name]()
    for key, value in FAMILIES[name].defaults.items():
        assert getattr(config, key) == value, key


@pytest.mark.parametrize("name", CONFIGS)
def test_head_and_embedding_have_these_names_in_a_loaded_model(name: str) -> None:
    facts = ARCHITECTURES[name]
    with torch.device("meta"):
        model = getattr(hf, name)(CONFIGS[name](**{**FEW, "hidden_size": 64}))
    assert model.get_submodule(facts.head_module) is model.get_output_embeddings()
    assert model.get_submodule(facts.embedding) is model.get_input_embeddings()
