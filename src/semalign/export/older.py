"""Settings of models and tokenizers in the form that transformers 4 reads, next to that of transformers 5.

transformers 4 does not know some keys that transformers 5 writes. It then refuses a tokenizer, and runs a model with
another base of its rotary positions, without an error. tokenizer.json is not changed: what tokenizers 0.20 or later
wrote, older versions may not read.
"""

from collections.abc import Mapping
from typing import Any

PLAIN = "PreTrainedTokenizerFast"  # the class that reads tokenizer.json and adds no rules of its own, in every version
NEWER = "TokenizersBackend"  # its name since transformers 5
NEOX = {"rope_theta": "rotary_emb_base", "partial_rotary_factor": "rotary_pct"}


def model_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """A model's config with the keys of transformers 4 added."""
    added = _rotary(config.get("rope_parameters") or {}, str(config.get("model_type")))
    if "dtype" in config:
        added["torch_dtype"] = config["dtype"]
    return {**config, **{key: value for key, value in added.items() if key not in config}}


def tokenizer_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """A tokenizer's settings with names that transformers 4 knows; transformers 5 reads both."""
    kept = dict(config)
    if kept.get("tokenizer_class") == NEWER:
        kept["tokenizer_class"] = PLAIN
    if isinstance(kept.get("extra_special_tokens"), list):
        kept["additional_special_tokens"] = kept.pop("extra_special_tokens")
    return kept


def _rotary(given: Mapping[str, Any], model_type: str) -> dict[str, Any]:
    """The rotary positions; models with two kinds of layers have a section for each kind."""
    whole = given.get("full_attention", given)
    if model_type == "gpt_neox":
        return {NEOX[key]: value for key, value in whole.items() if key in NEOX}
    added = {"rope_theta": whole["rope_theta"]} if "rope_theta" in whole else {}
    if whole.get("rope_type", "default") != "default":
        added["rope_scaling"] = {key: value for key, value in whole.items() if key != "rope_theta"}
    if "sliding_attention" in given:
        added["rope_local_base_freq"] = given["sliding_attention"]["rope_theta"]
    return added
