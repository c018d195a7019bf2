"""The tensors that a supported architecture consists of, from config.json alone and without torch.

An architecture without an entry here works as well: its tensors are then compared with the model's when it is prepared,
not when the study starts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Shapes = dict[str, tuple[int, ...]]
Config = Mapping[str, Any]


@dataclass(frozen=True)
class Sizes:
    """The sizes that a config.json gives, or that transformers assumes."""

    width: int
    inner: int
    heads: int
    kv_heads: int
    head_dim: int


@dataclass(frozen=True)
class Family:
    """How the layers of an architecture are built.

    `model_type` is what config.json must say, and `defaults` are the values that transformers takes for absent keys.
    `layer` gives the tensors of one layer, `final_norm` the parts of the norm after the last. `softcap` and `sliding`
    say whether it has a soft cap of the logits, and layers that see a window only; `whole_rotary`, whether all of a
    head's dimensions are rotated; `two_ropes`, whether both kinds of layers have positions of their own.
    """

    model_type: str
    layer: Callable[[Sizes, Config], Shapes]
    defaults: Config
    final_norm: tuple[str, ...] = ("weight",)
    softcap: bool = False
    sliding: bool = False
    whole_rotary: bool = True
    two_ropes: bool = False
    whole_heads: bool = (
        False  # transformers refuses a width that is no multiple of the heads, whatever head_dim is
    )

    def value(self, config: Config, key: str) -> Any:
        """A key of config.json, or the value that transformers takes for it."""
        return config[key] if key in config else self.defaults.get(key)

    def sizes(self, config: Config) -> Sizes:
        """The sizes of a config whose numbers are known to be whole and positive."""
        width, heads = config["hidden_size"], self.value(config, "num_attention_heads")
        return Sizes(
            width,
            self.value(config, "intermediate_size"),
            heads,
            self.value(config, "num_key_value_heads") or heads,
            self.value(config, "head_dim") or width // heads,
        )


def _llama(sizes: Sizes, config: Config) -> Shapes:
    attention = bool(config.get("attention_bias", False))
    return _gated(sizes, qkv=attention, o=attention, mlp=bool(config.get("mlp_bias", False)))


def _mistral(sizes: Sizes, config: Config) -> Shapes:
    return _gated(sizes)


def _qwen2(sizes: Sizes, config: Config) -> Shapes:
    return _gated(sizes, qkv=True)


def _qwen3(sizes: Sizes, config: Config) -> Shapes:
    attention = bool(config.get("attention_bias", False))
    return _gated(sizes, qkv=attention, o=attention) | _head_norms(sizes)


def _gemma3(sizes: Sizes, config: Config) -> Shapes:
    attention = bool(config.get("attention_bias", False))
    more = ("pre_feedforward_layernorm.weight", "post_feedforward_layernorm.weight")
    norms = dict.fromkeys(more, (sizes.width,))
    return _gated(sizes, qkv=attention, o=attention) | _head_norms(sizes) | norms


def _neox(sizes: Sizes, config: Config) -> Shapes:
    width, inner = sizes.width, sizes.inner
    attention = {
        "attention.query_key_value": (3 * width, width),
        "attention.dense": (width, width),
    }
    mlp = {"mlp.dense_h_to_4h": (inner, width), "mlp.dense_4h_to_h": (width, inner)}
    norms = dict.fromkeys(("input_layernorm", "post_attention_layernorm"), (width,))
    biased = {**mlp, **norms, **(attention if config.get("attention_bias", True) else {})}
    weights: Shapes = {f"{name}.weight": shape for name, shape in {**attention, **mlp, **norms}.items()}
    return weights | {f"{name}.bias": shape[:1] for name, shape in biased.items()}


def _gated(sizes: Sizes, *, qkv: bool = False, o: bool = False, mlp: bool = False) -> Shapes:
    """A layer of Llama's form: separate projections, a gated feed-forward network, a norm before each sublayer."""
    queries, values = sizes.heads * sizes.head_dim, sizes.kv_heads * sizes.head_dim
    matrices = {
        "self_attn.q_proj": (queries, sizes.width, qkv),
        "self_attn.k_proj": (values, sizes.width, qkv),
        "self_attn.v_proj": (values, sizes.width, qkv),
        "self_attn.o_proj": (sizes.width, queries, o),
        "mlp.gate_proj": (sizes.inner, sizes.width, mlp),
        "mlp.up_proj": (sizes.inner, sizes.width, mlp),
        "mlp.down_proj": (sizes.width, sizes.inner, mlp),
    }
    shapes: Shapes = {f"{name}.weight": (rows, columns) for name, (rows, columns, _) in matrices.items()}
    shapes |= {f"{name}.bias": (rows,) for name, (rows, _, biased) in matrices.items() if biased}
    norms = ("input_layernorm.weight", "post_attention_layernorm.weight")
    return shapes | dict.fromkeys(norms, (sizes.width,))


def _head_norms(sizes: Sizes) -> Shapes:
    return dict.fromkeys(("self_attn.q_norm.weight", "self_attn.k_norm.weight"), (sizes.head_dim,))


FAMILIES: dict[str, Family] = {
    "LlamaForCausalLM": Family(
        "llama",
        _llama,
        {"intermediate_size": 11008, "num_attention_heads": 32, "tie_word_embeddings": False},
        whole_heads=True,
    ),
    "MistralForCausalLM": Family(
        "mistral",
        _mistral,
        {
            "intermediate_size": 14336,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "tie_word_embeddings": False,
        },
    ),
    "Qwen2ForCausalLM": Family(
        "qwen2",
        _qwen2,
        {
            "intermediate_size": 22016,
            "num_attention_heads": 32,
            "num_key_value_heads": 32,
            "use_sliding_window": False,
            "tie_word_embeddings": False,
        },
        sliding=True,
    ),
    "Qwen3ForCausalLM": Family(
        "qwen3",
        _qwen3,
        {
            "intermediate_size": 22016,
            "num_attention_heads": 32,
            "num_key_value_heads": 32,
            "head_dim": 128,
            "use_sliding_window": False,
            "tie_word_embeddings": False,
        },
        sliding=True,
    ),
    "Gemma3ForCausalLM": Family(
        "gemma3_text",
        _gemma3,
        {
            "intermediate_size": 9216,
            "num_attention_heads": 8,
            "num_key_value_heads": 4,
            "head_dim": 256,
            "tie_word_embeddings": True,
        },
        softcap=True,
        sliding=True,
        two_ropes=True,
        whole_heads=True,
    ),
    "GPTNeoXForCausalLM": Family(
        "gpt_neox",
        _neox,
        {"intermediate_size": 24576, "num_attention_heads": 64, "tie_word_embeddings": False},
        final_norm=("weight", "bias"),
        whole_rotary=False,
        whole_heads=True,
    ),
}
