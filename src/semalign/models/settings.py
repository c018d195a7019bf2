"""Values in config.json that change what a model computes and leave no trace in its tensors, checked without torch."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from semalign.models.families import Family
from semalign.models.rope import LAYERS, layered_problems, rope_problems
from semalign.models.weights import shown

SOFTCAP = "final_logit_softcapping"
FLOAT = "__float__"  # how transformers writes a number that is not finite
CAUSAL = ("is_causal", "use_bidirectional_attention")
ABOVE = "a number above 0"


def is_number(value: Any) -> bool:
    """Whether a value of a JSON file is a finite number."""
    return type(value) in (int, float) and math.isfinite(value)


def _above_zero(value: Any) -> bool:
    return is_number(value) and value > 0


def _whole(value: Any) -> bool:
    return type(value) is int and value > 0


# what a key must be if it is there and not null
RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("query_pre_attn_scalar", SOFTCAP, "attn_logit_softcapping"), (_above_zero, ABOVE)),
    **dict.fromkeys(
        ("rms_norm_eps", "layer_norm_eps"), (lambda value: is_number(value) and value >= 0, "a number from 0")
    ),
    **dict.fromkeys(
        ("attention_dropout", "hidden_dropout"),
        (lambda value: is_number(value) and 0 <= value < 1, "a number from 0, below 1"),
    ),
    "sliding_window": (_whole, "a whole number above 0, or null for none"),
    "is_causal": (lambda value: value is True, "true: a model that sees later tokens would read the answers"),
    "use_bidirectional_attention": (
        lambda value: value is False,
        "false: a model that sees later tokens would read the answers",
    ),
    "return_dict": (lambda value: value is True, "true, or no such key"),
    "hidden_act": (lambda value: isinstance(value, str), "the name of a function"),
    "hidden_activation": (lambda value: isinstance(value, str), "the name of a function"),
    "text_config": (
        lambda value: False,
        "the settings of a text model at the top, as save_pretrained writes them",
    ),
}


NULLABLE = (SOFTCAP, "attn_logit_softcapping", "sliding_window", "return_dict", "text_config", *CAUSAL)


def setting_problems(config: Mapping[str, Any], name: str, family: Family | None) -> list[str]:
    """What is wrong with the settings of the architecture `name`, each as `key: found X, expected Y`."""
    lines = [
        f"{key}: found {'null' if config[key] is None else shown(config[key])}, expected {expected}"
        for key, (fits, expected) in RULES.items()
        if key in config and not (config[key] is None and key in NULLABLE) and not fits(config[key])
    ]
    lines += [f"{key}: found {value}, expected a finite number" for key, value in _odd(config)]
    lines += rope_problems(config, family)
    if family is None or lines:
        return lines
    if config.get(SOFTCAP) is not None and not family.softcap:
        lines.append(
            f"{SOFTCAP}: found {shown(config[SOFTCAP])}, expected no such key for {name}, which has no soft cap: is it "
            "the config of another architecture?"
        )
    return [*lines, *_layer_types(config, name, family), *layered_problems(config, family)]


def _odd(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Numbers that are NaN or infinite, which JSON does not have but Python reads, anywhere in the config."""
    if isinstance(value, Mapping) and FLOAT in value:
        yield key, value[FLOAT]
    if isinstance(value, float) and not math.isfinite(value):
        yield key, value
    parts = (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    )
    for name, part in parts:
        if not key and name in RULES:
            continue  # said already
        yield from _odd(part, f"{key}.{name}" if key else str(name))


def _layer_types(config: Mapping[str, Any], name: str, family: Family) -> list[str]:
    """Kinds of attention that the architecture has, and the window that one of them needs."""
    kinds = config.get("layer_types")
    if not isinstance(kinds, list):
        return []
    known = LAYERS if family.sliding else LAYERS[:1]
    if wrong := [kind for kind in kinds if kind not in known]:
        return [f"layer_types: found {shown(wrong[0])}, expected {' or '.join(known)} for {name}"]
    off = family.value(config, "use_sliding_window") is False
    if "sliding_attention" in kinds and (off or config.get("sliding_window", 0) is None):
        key = "use_sliding_window" if off else "sliding_window"
        return [
            f"layer_types: found sliding_attention, but {key} is {shown(config.get(key))}; expected a window, or "
            "full_attention only"
        ]
    return []
