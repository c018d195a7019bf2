"""A GGUF file of pico size."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def write_gguf(
    path: Path,
    *,
    tied: bool = False,
    rule: str = "smollm",
    without: str = "",
    more: Mapping[str, Any] | None = None,
    tensors: Sequence[str] = (),
    tokenizer: str = "gpt2",
) -> None:
    """Write a tiny Llama in GGUF, float32, with a byte-level tokenizer; without the tensor of that name, if given.

    `more` are further values of the header, `tensors` names of further tensors, `tokenizer` its kind.
    """
    import torch
    from gguf import GGUFWriter
    from tokenizers import pre_tokenizers

    width, tokens, inner = 16, 259, 32
    writer = GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(tokens)
    writer.add_tokenizer_model(tokenizer)
    writer.add_tokenizer_pre(rule)
    writer.add_token_list(["<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet()), "ab"])
    writer.add_token_types([3, 3] + [1] * 257)
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    for key, value in (more or {}).items():
        add = {
            bool: writer.add_bool,
            int: writer.add_uint32,
            float: writer.add_float32,
            str: writer.add_string,
        }
        add[type(value)](key, value)
    shapes = {"token_embd": (tokens, width), "output_norm": (width,), "output": (tokens, width)}
    for name, shape in {
        "attn_q": (width, width),
        "attn_k": (width, width),
        "attn_v": (width, width),
        "attn_output": (width, width),
        "ffn_gate": (inner, width),
        "ffn_up": (inner, width),
        "ffn_down": (width, inner),
        "attn_norm": (width,),
        "ffn_norm": (width,),
    }.items():
        shapes[f"blk.0.{name}"] = shape
    if tied:
        del shapes["output"]
    shapes.pop(without, None)
    generator = torch.Generator().manual_seed(0)
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", torch.randn(shape, generator=generator).numpy())
    for name in tensors:
        writer.add_tensor(name, torch.ones(width).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
