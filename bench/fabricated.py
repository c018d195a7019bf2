"""Random models and examples of a given size; speed and memory do not depend on the values of weights."""

from typing import Any

import numpy as np
import torch

from semalign.benchmarks.encoding import Encoded
from semalign.study.planning.shapes import ModelShape

SHAPES = {
    "smollm2-135m": ModelShape(30, 576, 1536, 9, 3, 64, 49152, tied=True),
    "llama2-7b": ModelShape(32, 4096, 11008, 32, 32, 128, 32000, dtype="bfloat16"),
    "llama2-13b": ModelShape(40, 5120, 13824, 40, 40, 128, 32000, dtype="bfloat16"),
    "small": ModelShape(16, 256, 688, 4, 4, 64, 8192),
    "pico": ModelShape(4, 32, 64, 4, 2, 8, 64),
}


def llama(shape: ModelShape, device: str, seed: int = 0) -> Any:
    """A frozen random Llama of this shape, in evaluation mode."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        tie_word_embeddings=shape.tied,
        max_position_embeddings=4096,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        dtype=shape.dtype,
    )
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, shape.dtype))
    try:
        with torch.random.fork_rng(), torch.device(device):
            torch.manual_seed(seed)
            model = LlamaForCausalLM(config)
    finally:
        torch.set_default_dtype(before)
    return model.eval().requires_grad_(False)


def examples(count: int, mean: int, vocabulary: int, seed: int = 0) -> list[Encoded]:
    """Examples with lengths distributed like those of worked solutions (log-normal); a third of each is its answer."""
    random = np.random.default_rng(seed)
    lengths = np.clip(mean * random.lognormal(-0.1, 0.45, count), mean // 3, 3 * mean).astype(int)
    drawn = [random.integers(3, vocabulary, length).tolist() for length in lengths]
    return [Encoded([1, *tokens, 2], max(1, 2 * len(tokens) // 3)) for tokens in drawn]
