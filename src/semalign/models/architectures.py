"""Module names of layers, sublayers, norms and heads, one entry per architecture.

To add an architecture, add an entry here and a tiny model to the tests; nothing else is needed.
"""

from dataclasses import dataclass, field
from typing import Any

from semalign.runtime.errors import UserError


@dataclass(frozen=True)
class Architecture:
    """Dotted module names of one architecture; names of sublayers are relative to a layer.

    `head` is the head's name in files; `head_module` is its name in a loaded model, which may differ.
    `attention` and `mlp` name the module whose output is added to the residual stream, so a norm that
    follows the sublayer (Gemma 3) counts as part of it. `gain_offset` is what the final norm adds to its
    stored weight. `projections` maps the usual short names to modules that LoRA may adapt. `fused` maps
    a short name to the module that holds several projections, head by head, and its place in each head's rows.
    """

    layers: str = "model.layers"
    embedding: str = "model.embed_tokens"
    final_norm: str = "model.norm"
    head: str = "lm_head"
    head_module: str = "lm_head"
    attention: str = "self_attn"
    mlp: str = "mlp"
    gain_offset: float = 0.0
    projections: dict[str, str] = field(
        default_factory=lambda: {
            "q": "self_attn.q_proj",
            "k": "self_attn.k_proj",
            "v": "self_attn.v_proj",
            "o": "self_attn.o_proj",
            "gate": "mlp.gate_proj",
            "up": "mlp.up_proj",
            "down": "mlp.down_proj",
        }
    )
    fused: dict[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def value(self) -> str:
        """The module that computes the attention values, separately or fused with others in one matrix."""
        return self.fused["v"][0] if "v" in self.fused else self.projections["v"]


_LLAMA = Architecture()
_GEMMA3 = Architecture(
    attention="post_attention_layernorm", mlp="post_feedforward_layernorm", gain_offset=1.0
)
_NEOX = Architecture(
    layers="gpt_neox.layers",
    embedding="gpt_neox.embed_in",
    final_norm="gpt_neox.final_layer_norm",
    head="embed_out",
    attention="attention",
    # query, key and value are one fused matrix here, so v can't be adapted separately
    projections={"o": "attention.dense", "up": "mlp.dense_h_to_4h", "down": "mlp.dense_4h_to_h"},
    fused={name: ("attention.query_key_value", place) for place, name in enumerate("qkv")},
)

ARCHITECTURES: dict[str, Architecture] = {
    "LlamaForCausalLM": _LLAMA,
    "MistralForCausalLM": _LLAMA,
    "Qwen2ForCausalLM": _LLAMA,
    "Qwen3ForCausalLM": _LLAMA,
    "Gemma3ForCausalLM": _GEMMA3,
    "GPTNeoXForCausalLM": _NEOX,
}


def architecture_of(name: str) -> Architecture:
    """The `Architecture` for the class name in a model's config.json.

    Raises UserError for an unknown name, with the file to extend.
    """
    if name not in ARCHITECTURES:
        raise UserError(unknown([name]))
    return ARCHITECTURES[name]


def unknown(found: Any) -> str:
    """The message for what `architectures` of a config.json says, if it is not a known name."""
    one = found[0] if isinstance(found, list) and len(found) == 1 else found
    what = "nothing" if found is None else repr(one)
    kind = "" if isinstance(found, list) or found is None else "a list with "
    return (
        f"architectures: found {what}, expected {kind}one of {', '.join(ARCHITECTURES)} "
        "(to add one, extend src/semalign/models/architectures.py)"
    )
