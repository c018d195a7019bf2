"""The settings of rotary positions in config.json, in today's form (`rope_parameters`) and the older one."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from semalign.models.families import Family
from semalign.models.weights import shown

TODAY, OLDER = "rope_parameters", "rope_scaling"
NEEDED: dict[str, tuple[str, ...]] = {
    "default": (),
    "linear": ("factor",),
    "dynamic": ("factor",),
    "yarn": ("factor",),
    "longrope": ("short_factor", "long_factor"),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor"),
}
SHARES = ("partial_rotary_factor", "rotary_pct")
NUMBERS = (
    "rope_theta",
    "rotary_emb_base",
    "rope_local_base_freq",
    "factor",
    "low_freq_factor",
    "high_freq_factor",
)
LAYERS = ("full_attention", "sliding_attention")
LISTS = ("short_factor", "long_factor")
# keys at the top of a config, and what they are called in `rope_parameters`, for the kinds of layers that use them
OUTER = {
    "rope_theta": ("rope_theta", (TODAY, f"{TODAY}.full_attention")),
    "rotary_emb_base": ("rope_theta", (TODAY,)),
    "rope_local_base_freq": ("rope_theta", (f"{TODAY}.sliding_attention",)),
    "rotary_pct": ("partial_rotary_factor", (TODAY,)),
    "partial_rotary_factor": ("partial_rotary_factor", (TODAY, f"{TODAY}.full_attention")),
}


def rope_problems(config: Mapping[str, Any], family: Family | None) -> list[str]:
    """What is wrong with the settings, each as `key: found X, expected Y`."""
    lines = [
        f"{key}: found {shown(config[key])}, expected an object"
        for key in (TODAY, OLDER)
        if not isinstance(config.get(key), Mapping | None)
    ]
    if lines:
        return lines
    top = {key: config[key] for key in OUTER if config.get(key) is not None}
    lines = [*_numbers("", top)]
    parts = dict(_parts(config))
    for where, part in parts.items():
        lines += _one(where, part)
    return lines or [*_twice(top, parts), *_lengths(config, parts, family)]


def _parts(config: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The settings by their key; Gemma 3 has some for each kind of layer."""
    for key in (TODAY, OLDER):
        value = config.get(key)
        if not value:
            continue
        nested = {name: part for name, part in value.items() if name in LAYERS and isinstance(part, Mapping)}
        yield from ((f"{key}.{name}", _named(part)) for name, part in nested.items())
        if len(nested) < len(value):
            yield key, _named({name: part for name, part in value.items() if name not in nested})


def _named(part: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with the kind under its name of today, unless there are two that differ."""
    if "type" in part and part.get("rope_type", part["type"]) == part["type"]:
        return {"rope_type": part["type"], **{name: part[name] for name in part if name != "type"}}
    return dict(part)


def _one(where: str, part: Mapping[str, Any]) -> list[str]:
    if "type" in part:
        return [
            f"{where}: found type {shown(part['type'])} and rope_type {shown(part['rope_type'])}, expected one"
        ]
    kind = part.get("rope_type", "default" if "factor" not in part else None)
    if kind not in NEEDED:
        return [f"{where}.rope_type: found {shown(kind)}, expected one of {', '.join(NEEDED)}"]
    if kind == "default" and part.get("factor", 1.0) != 1.0:
        return [
            f"{where}.factor: found {shown(part['factor'])} beside rope_type default, expected none, or another type"
        ]
    lacking = [key for key in NEEDED[kind] if part.get(key) is None]
    lines = [f"{where}.{key}: found nothing, expected a value for rope_type {kind}" for key in lacking]
    return [*lines, *_numbers(f"{where}.", part)]


def _numbers(where: str, values: Mapping[str, Any]) -> Iterator[str]:
    for key, value in values.items():
        share = key in SHARES
        many = value if key in LISTS and isinstance(value, list) else [value]
        if key in (*NUMBERS, *SHARES, *LISTS) and not all(_positive(one, share) for one in many):
            expected = "above 0, at most 1" if share else "above 0"
            yield f"{where}{key}: found {shown(value)}, expected {'numbers' if key in LISTS else 'a number'} {expected}"


def _positive(value: Any, share: bool) -> bool:
    return type(value) in (int, float) and 0 < value < math.inf and (value <= 1 or not share)


def _twice(top: Mapping[str, Any], parts: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Settings that are there twice and differ: libraries choose differently among them."""
    for key, value in top.items():
        inner, places = OUTER[key]
        for where in (where for where in places if where in parts):
            if (other := parts[where].get(inner, value)) != value:
                yield (
                    f"{key}: found {shown(value)}, but {where}.{inner} is {shown(other)}; expected one of them, or the "
                    "same value in both"
                )
    older = parts.get(OLDER)
    newer = parts.get(TODAY, parts.get(f"{TODAY}.full_attention"))
    if older and newer and (wrong := [key for key in older if older[key] != newer.get(key)]):
        yield (
            f"{OLDER}.{wrong[0]}: found {shown(older[wrong[0]])}, but {TODAY} says {shown(newer.get(wrong[0]))}; "
            "expected one of these keys, or the same values in both"
        )


def _lengths(
    config: Mapping[str, Any], parts: Mapping[str, Mapping[str, Any]], family: Family | None
) -> Iterator[str]:
    """One factor for each pair of rotated dimensions; a shorter list would be stretched over them."""
    if family is None:
        return
    for where, part in parts.items():
        share = part.get("partial_rotary_factor", config.get("partial_rotary_factor", 1.0))
        pairs = int(family.sizes(config).head_dim * share) // 2
        for key in (key for key in LISTS if key in part and len(part[key]) != pairs):
            yield f"{where}.{key}: found {len(part[key])} numbers, expected {pairs}, half of the rotated dimensions"


def layered_problems(config: Mapping[str, Any], family: Family) -> list[str]:
    """Only architectures with two kinds of layers have settings for each; others would not read them."""
    found = config.get(TODAY) or {}
    layered = [key for key in found if key in LAYERS]
    if family.two_ropes and found and len(layered) < len(found):
        return [f"{TODAY}: found {shown(found)}, expected settings for each of {' and '.join(LAYERS)}"]
    if layered and not family.two_ropes:
        return [
            f"{TODAY}.{layered[0]}: found settings for a kind of layers, expected the same settings for all"
        ]
    return []
