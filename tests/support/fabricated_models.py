"""Random models of pico size in every supported architecture, with a byte tokenizer."""

from pathlib import Path
from typing import Any

ARCHITECTURES = ("llama", "mistral", "qwen2", "qwen3", "gemma3", "neox")
VOCABULARY = 259


def write_tokenizer(folder: Path) -> None:
    """Write a tokenizer with one token per byte: 260 tokens with bos, eos and pad."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate(["<pad>", "<s>", "</s>", *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    ).save_pretrained(folder)


def build_model(
    kind: str,
    *,
    layers: int,
    width: int,
    seed: int,
    tied: bool = False,
    feed_forward: int | None = None,
    vocabulary: int = VOCABULARY,
) -> Any:
    """A random model with four heads, and with grouped-query attention and biases if the architecture has them."""
    import torch
    import transformers as hf

    common = {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": feed_forward or 2 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "max_position_embeddings": 256,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "initializer_range": 0.2,
        "tie_word_embeddings": tied,
    }
    grouped = {"num_key_value_heads": 2, "head_dim": width // 4}
    torch.manual_seed(seed)
    if kind == "llama":
        return hf.LlamaForCausalLM(hf.LlamaConfig(**common, **grouped))
    if kind == "mistral":
        return hf.MistralForCausalLM(hf.MistralConfig(**common, **grouped))
    if kind == "qwen2":
        return hf.Qwen2ForCausalLM(hf.Qwen2Config(**common, num_key_value_heads=2))
    if kind == "qwen3":
        # attention is wider than the hidden state here, as in the small models of the family
        return hf.Qwen3ForCausalLM(hf.Qwen3Config(**common, num_key_value_heads=2, head_dim=width // 2))
    if kind == "gemma3":
        config = hf.Gemma3TextConfig(**common, **grouped, sliding_window=8, query_pre_attn_scalar=width // 4)
        return hf.Gemma3ForCausalLM(config)
    return hf.GPTNeoXForCausalLM(hf.GPTNeoXConfig(**common, use_parallel_residual=True))


def write_model(folder: Path, kind: str, **shape: Any) -> Path:
    """Write a random model and its tokenizer to a sealed folder."""
    from semalign.runtime.provenance import Run

    build_model(kind, **shape).save_pretrained(folder)
    write_tokenizer(folder)
    Run("model").seal(folder)
    return folder


def rename_tokens(folder: Path) -> None:
    """Reverse the order of a tokenizer's byte tokens and rename ten of them."""
    from semalign.runtime.files import read_json, write_json

    facts = read_json(folder / "tokenizer.json")
    vocabulary = facts["model"]["vocab"]
    turned = {token: (261 - number if number > 2 else number) for token, number in vocabulary.items()}
    last = [token for token, number in turned.items() if number >= 249]
    facts["model"]["vocab"] = {(f"own{n}" if token in last else token): n for token, n in turned.items()}
    write_json(folder / "tokenizer.json", facts)
