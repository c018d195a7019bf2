"""Settings that transformers 4 reads as transformers 5 does; models were tried with 4.36 and 4.44."""

from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_models import build_model, write_tokenizer

from semalign.export.older import model_settings, tokenizer_settings
from semalign.runtime.files import read_json, write_json

SCALED = {"rope_type": "linear", "rope_theta": 5e4, "factor": 2.0}
ROTARY = [
    ("llama", {"rope_type": "default", "rope_theta": 5e4}, {"rope_theta": 5e4}),
    ("qwen2", SCALED, {"rope_theta": 5e4, "rope_scaling": {"rope_type": "linear", "factor": 2.0}}),
    ("gemma3", None, {"rope_theta": 1e6, "rope_local_base_freq": 1e4}),
    (
        "gpt_neox",
        {"rope_type": "default", "rope_theta": 5e4, "partial_rotary_factor": 0.5},
        {"rotary_emb_base": 5e4, "rotary_pct": 0.5},
    ),
]


@pytest.mark.parametrize(("kind", "rotary", "expected"), ROTARY)
def test_rotary_positions_have_their_older_names_and_stay_the_same(
    kind: str, rotary: dict[str, Any] | None, expected: dict[str, Any], tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM

    model = build_model(kind, layers=2, width=32, seed=0)
    if rotary:
        model.config.rope_parameters = rotary
    type(model)(model.config).save_pretrained(tmp_path)
    ids = torch.arange(1, 40)[None]
    before = AutoModelForCausalLM.from_pretrained(tmp_path)(ids).logits
    path = tmp_path / "config.json"
    config = model_settings(read_json(path))
    assert {key: config.get(key) for key in expected} == expected
    assert config["torch_dtype"] == config["dtype"]
    write_json(path, config)
    torch.testing.assert_close(AutoModelForCausalLM.from_pretrained(tmp_path)(ids).logits, before)


def test_a_key_that_is_there_is_kept() -> None:
    config = {"rope_theta": 7.0, "rope_parameters": {"rope_theta": 5e4}}
    assert model_settings(config) == config


def test_a_tokenizer_has_the_class_and_the_keys_of_older_versions(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    write_tokenizer(tmp_path)
    path = tmp_path / "tokenizer_config.json"
    given = read_json(path) | {"tokenizer_class": "TokenizersBackend", "extra_special_tokens": ["<pad>"]}
    found = tokenizer_settings(given)
    assert found["tokenizer_class"] == "PreTrainedTokenizerFast" and "extra_special_tokens" not in found
    assert found["additional_special_tokens"] == ["<pad>"]
    before = AutoTokenizer.from_pretrained(tmp_path)
    write_json(path, found)
    after = AutoTokenizer.from_pretrained(tmp_path)
    assert after("Q1? a").input_ids == before("Q1? a").input_ids
    assert tokenizer_settings({"tokenizer_class": "GPT2Tokenizer", "extra_special_tokens": {}}) == {
        "tokenizer_class": "GPT2Tokenizer",
        "extra_special_tokens": {},
    }
