"""What a GGUF file holds beyond the parts that transformers converts; it would leave them out without a word."""

import math
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from semalign.models.naming import listed

KIND, TYPE, TOKENS, PRE = (
    "general.architecture",
    "general.type",
    "tokenizer.ggml.model",
    "tokenizer.ggml.pre",
)
CONVERTED = {
    *("block_count", "context_length", "embedding_length", "feed_forward_length", "vocab_size"),
    *("attention.head_count", "attention.head_count_kv", "attention.layer_norm_rms_epsilon"),
    *("rope.freq_base", "rope.dimension_count", "tensor_data_layout"),
}
LENGTHS = ("attention.key_length", "attention.value_length")
MORE_KEYS = {"qwen3": LENGTHS, "gemma3": (*LENGTHS, "attention.sliding_window")}
WHOLE = r"(token_embd|output_norm|output)\.weight"
LAYER = r"blk\.(\d+)\.((attn_(q|k|v|output|norm)|ffn_(gate|up|down|norm){})\.weight{})"
NORMS = r"|attn_[qk]_norm"
MORE_TENSORS = {
    "qwen2": ("", r"|attn_[qkv]\.bias"),
    "qwen3": (NORMS, ""),
    "gemma3": (rf"{NORMS}|post_attention_norm|post_ffw_norm", ""),
}
INSTEAD = "use the model in safetensors"


def left_out(values: Mapping[str, Any], tensors: Collection[str]) -> Iterator[str]:
    """Each as `key: found X, expected Y`; `values` and `tensors` are those of the header."""
    kind = values[KIND]
    if values.get(TYPE, "model") != "model":
        yield f"{TYPE}: found {values[TYPE]!r}, expected a whole model"
    if values.get(TOKENS) != "gpt2":
        yield f"{TOKENS}: found {values.get(TOKENS)!r}, expected gpt2, the only kind that is converted; {INSTEAD}"
    for key, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            yield f"{key}: found {value}, expected a finite number"
        elif key.startswith(f"{kind}.") and not _converted(key.removeprefix(f"{kind}."), value, values):
            yield f"{key}: found {value!r}, which the conversion would leave out; {INSTEAD}"
    if names := [name for name in tensors if not _known(name, kind, values.get(f"{kind}.block_count", 0))]:
        yield f"found {listed(names)}, which the conversion would leave out; {INSTEAD}"


def _converted(key: str, value: Any, values: Mapping[str, Any]) -> bool:
    kind = values[KIND]
    if key in CONVERTED or key in MORE_KEYS.get(kind, ()):
        return True
    if key in LENGTHS:  # of a head, which is taken from the dimensions of the rotation
        return bool(value == values.get(f"{kind}.rope.dimension_count"))
    return bool(value) if key == "attention.causal" else value in (0, "", "none")


def _known(name: str, kind: str, layers: int) -> bool:
    weights, others = MORE_TENSORS.get(kind, ("", ""))
    if found := re.fullmatch(LAYER.format(weights, others), name):
        return int(found[1]) < layers
    return re.fullmatch(WHOLE, name) is not None
