"""A merged student as one GGUF file, for llama.cpp and what is built on it. Only Llama is written.

The file holds what llama.cpp's own converter writes for this architecture: names of tensors, the order of the rows of
query and key matrices, and the byte-level tokenizer with the name of its splitting rule.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from semalign.runtime.errors import UserError

ARCHITECTURE = "LlamaForCausalLM"
INSTEAD = "export the merged model and convert it with llama.cpp"
# of a layer, by transformers' names
LAYER = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
WHOLE = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
NORMAL, CONTROL, USER_DEFINED, UNUSED = 1, 3, 4, 5  # types of tokens


class Vocabulary(NamedTuple):
    """A byte-level tokenizer as GGUF stores it; `rule` is the name of its splitting rule."""

    rule: str
    tokens: list[str]
    types: list[int]
    merges: list[str]


def write_gguf(model: Any, tokenizer: Any, path: Path, precision: str, name: str) -> None:
    """Write a model in float32 and its tokenizer as a file; `precision` is float32, float16 or q8_0.

    Norms stay in float32. A matrix whose rows q8_0 can't divide into blocks of 32 is stored in float16.

    Raises UserError for another architecture, for a Llama with biases or scaled rotary positions, and for a tokenizer
    that is not byte-level or has an unknown splitting rule.
    """
    from gguf import GGUFWriter

    check_convertible(model)
    vocabulary = vocabulary_of(tokenizer, model.config.vocab_size)
    writer = GGUFWriter(path, "llama")
    _write_settings(writer, model.config, precision, name)
    _write_tokenizer(writer, tokenizer, vocabulary)
    for key, values in tensors_of(model):
        data, kind = _stored(values, precision)
        writer.add_tensor(f"{key}.weight", data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def check_convertible(model: Any) -> None:
    """Raise UserError unless the model is a Llama without biases and scaled rotary positions."""
    kind, config = type(model).__name__, model.config
    if kind != ARCHITECTURE:
        raise UserError(f"export.gguf: found {kind}, expected {ARCHITECTURE}; {INSTEAD}")
    for key in ("attention_bias", "mlp_bias"):
        if getattr(config, key, False):
            raise UserError(f"export.gguf: {key}: found true, expected false; {INSTEAD}")
    rope = _rope(config).get("rope_type", "default")
    if rope != "default":
        raise UserError(f"export.gguf: rope_type: found {rope!r}, expected 'default'; {INSTEAD}")


def tensors_of(model: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Names in GGUF without `.weight`, and values in float32; a head that is tied to the embedding is left out."""
    config = model.config
    tied = model.lm_head.weight is model.model.embed_tokens.weight
    for module, name in WHOLE.items():
        if name != "output" or not tied:
            yield name, _values(model, module)
    groups = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    for layer in range(config.num_hidden_layers):
        for module, name in LAYER.items():
            values = _values(model, f"model.layers.{layer}.{module}")
            yield f"blk.{layer}.{name}", permuted(values, groups[name]) if name in groups else values


def permuted(values: np.ndarray, heads: int) -> np.ndarray:
    """Rows [heads x size, in] in llama.cpp's order: the two halves of each head's rotation are interleaved."""
    shape = (heads, 2, values.shape[0] // heads // 2, values.shape[1])
    return values.reshape(shape).swapaxes(1, 2).reshape(values.shape)


def vocabulary_of(tokenizer: Any, rows: int) -> Vocabulary:
    """The tokens by id, filled up to the rows of the embedding.

    Raises UserError unless it is a byte-level tokenizer with a known rule.
    """
    import json

    stored = json.loads(tokenizer.backend_tokenizer.to_str())
    rule = _rule(stored)
    if stored["model"].get("type") != "BPE" or rule is None or stored.get("normalizer"):
        raise UserError(
            f"export.gguf: found a tokenizer that is not byte-level as GPT-2's, expected one; {INSTEAD}"
        )
    by_id = {number: token for token, number in tokenizer.get_vocab().items()}
    added = {entry["id"]: CONTROL if entry["special"] else USER_DEFINED for entry in stored["added_tokens"]}
    kinds = [added.get(number, NORMAL) if number in by_id else UNUSED for number in range(rows)]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in stored["model"]["merges"]]
    return Vocabulary(rule, [by_id.get(number, f"[PAD{number}]") for number in range(rows)], kinds, merges)


def _rule(stored: dict[str, Any]) -> str | None:
    """llama.cpp's name of a splitting rule; None if there is none for it."""
    step = stored.get("pre_tokenizer") or {}
    parts = step.get("pretokenizers", [step])
    last = parts[-1]
    if last.get("type") != "ByteLevel" or last.get("add_prefix_space") or not last.get("use_regex", True):
        return None
    if len(parts) == 1:
        return "gpt-2"
    digits = len(parts) == 2 and parts[0].get("type") == "Digits" and parts[0].get("individual_digits")
    return "smollm" if digits else None


def _write_settings(writer: Any, config: Any, precision: str, name: str) -> None:
    from gguf import LlamaFileType

    kinds = {"float32": LlamaFileType.ALL_F32, "float16": LlamaFileType.MOSTLY_F16}
    writer.add_name(name)
    writer.add_file_type(kinds.get(precision, LlamaFileType.MOSTLY_Q8_0))
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(float(_rope(config)["rope_theta"]))
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_rope_dimension_count(size)
    if size * config.num_attention_heads != config.hidden_size:
        writer.add_key_length(size)
        writer.add_value_length(size)
    writer.add_vocab_size(config.vocab_size)


def _write_tokenizer(writer: Any, tokenizer: Any, vocabulary: Vocabulary) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(vocabulary.rule)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    writer.add_token_merges(vocabulary.merges)
    numbers = {"bos": tokenizer.bos_token_id, "eos": tokenizer.eos_token_id, "pad": tokenizer.pad_token_id}
    for kind, number in numbers.items():
        if number is not None:
            getattr(writer, f"add_{kind}_token_id")(number)
    writer.add_add_bos_token(tokenizer("a").input_ids[:1] == [tokenizer.bos_token_id])
    if isinstance(tokenizer.chat_template, str):
        writer.add_chat_template(tokenizer.chat_template)


def _stored(values: np.ndarray, precision: str) -> tuple[np.ndarray, Any]:
    """The data of a tensor and its type."""
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
    from gguf.quants import quantize

    block, _ = GGML_QUANT_SIZES[GGMLQuantizationType.Q8_0]
    if values.ndim == 1 or precision == "float32":
        kind = GGMLQuantizationType.F32
    elif precision == "q8_0" and values.shape[-1] % block == 0:
        kind = GGMLQuantizationType.Q8_0
    else:
        kind = GGMLQuantizationType.F16
    return quantize(np.ascontiguousarray(values), kind), kind


def _values(model: Any, module: str) -> np.ndarray:
    return np.asarray(model.get_submodule(module).weight.detach().float().cpu().numpy())


def _rope(config: Any) -> dict[str, Any]:
    return dict(config.rope_parameters)
