"""Errors of pydantic as lines of the form `key: found X, expected Y`."""

import re
from collections.abc import Callable, Sequence
from itertools import groupby
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, Discriminator, Tag, ValidationError
from pydantic.fields import FieldInfo

from semalign.config.base import shown
from semalign.config.places import place_for
from semalign.config.reading import value_of
from semalign.runtime.suggestions import hint, nearest, one_of

Keys = tuple[str | int, ...]
OF_METHODS = ("optimisation", "lora", "layers", "learning_rates", "searched", "by_benchmark", "signals")
SECTION = "a section (keys with values)"
# type of pydantic's error -> what was expected
EXPECTED: dict[str, Callable[[dict[str, Any]], str]] = {
    "int_type": lambda _: "a whole number",
    "int_parsing": lambda _: "a whole number",
    "int_from_float": lambda _: "a whole number",
    "int_parsing_size": lambda _: "a smaller whole number",
    "float_type": lambda _: "a number",
    "float_parsing": lambda _: "a number",
    "finite_number": lambda _: "a finite number",
    "bool_type": lambda _: "true or false",
    "bool_parsing": lambda _: "true or false",
    "string_type": lambda _: "a text",
    "list_type": lambda _: "a list",
    "dict_type": lambda _: SECTION,
    "model_type": lambda _: SECTION,
    "model_attributes_type": lambda _: SECTION,
    "greater_than": lambda limits: f"more than {shown(limits['gt'])}",
    "greater_than_equal": lambda limits: f"at least {shown(limits['ge'])}",
    "less_than": lambda limits: f"less than {shown(limits['lt'])}",
    "less_than_equal": lambda limits: f"at most {shown(limits['le'])}",
    "string_too_short": lambda limits: f"a text of at least {limits['min_length']} characters",
    "string_too_long": lambda limits: f"a text of at most {limits['max_length']} characters",
    "string_pattern_mismatch": lambda limits: f"a text of the form {limits['pattern']}",
    "too_short": lambda limits: f"at least {limits['min_length']} of them",
}


class Place(NamedTuple):
    """The keys of an error without pydantic's own marks, the type that is expected there, and the section around it."""

    keys: Keys
    kind: Any
    section: type[BaseModel] | None = None


def explain(error: ValidationError, section: type[BaseModel], above: str = "") -> list[str]:
    """Return the problems of a section, one line each; `above` is the key of the section itself."""
    found = [(place_of(section, item["loc"]), item) for item in error.errors()]
    lines: list[str] = []
    odd = [pair[0].keys for pair in found if pair[1]["type"] == "extra_forbidden"]
    found = [pair for pair in found if not (pair[1]["type"] == "missing" and _misspelt(pair[0].keys, odd))]
    for place, group in groupby(found, key=lambda pair: pair[0]):
        lines += _lines(place, [item for _, item in group], above)
    return list(dict.fromkeys(lines))


def place_of(kind: Any, loc: Sequence[str | int], section: type[BaseModel] | None = None) -> Place:
    """Follow an error's location through the types of the sections; parts that are no keys of the file are left out."""
    kind, tagged = _unwrap(kind)
    members = [member for member in get_args(kind) if member is not NoneType] if _is_union(kind) else []
    if len(members) == 1:
        return place_of(members[0], loc, section)
    if not loc:
        return Place((), kind, section)
    part, rest = loc[0], loc[1:]
    if tagged and (member := _member(members, part)) is not None:
        return place_of(member, rest, section)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        field = kind.model_fields.get(str(part))
        inner = place_of(field, rest, kind) if field else Place((), None, kind)
    elif get_origin(kind) in (dict, list):
        inner = place_of(get_args(kind)[-1], rest, section)
    else:  # a plain value; what follows names the kinds that it could have been
        return Place((), kind, section)
    return Place((part, *inner.keys), inner.kind, inner.section)


def dotted(keys: Sequence[str | int]) -> str:
    """Return keys as one text, such as `methods.sft.learning_rates[0]`."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return text.removeprefix(".")


def _lines(place: Place, items: list[Any], above: str) -> list[str]:
    key = ".".join(filter(None, [above, dotted(place.keys)]))
    item = items[0]
    match item["type"]:
        case "extra_forbidden":
            return [_unknown(key, str(place.keys[-1]), place.section)]
        case "missing" if not isinstance(place.keys[-1], int):
            field = place.section.model_fields[str(place.keys[-1])] if place.section else None
            return [f"{key}: found nothing, expected: {field.description if field else 'a value'}"]
        case "union_tag_invalid" | "union_tag_not_found":
            return [_untagged(key, place, item)]
        case "value_error":
            return [_own(key, place, one) for one in items]
    phrases = list(dict.fromkeys(_expected(place, one) for one in items))
    value = item.get("input")
    near = hint(value, [name for one in items for name in _choices(one)])
    return [f"{key}: found {shown(value)}, expected {' or '.join(phrases)}{_form(value, phrases)}{near}"]


def _misspelt(missing: Keys, odd: list[Keys]) -> bool:
    """Whether an unknown key of the same section is most like the one that is missing."""
    if isinstance(missing[-1], int):
        return False
    return any(keys[:-1] == missing[:-1] and nearest(str(keys[-1]), [str(missing[-1])]) for keys in odd)


def _form(value: Any, phrases: list[str]) -> str:
    """How a value would have to be written to be of the type that is expected."""
    if phrases == ["a text"] and isinstance(value, bool | int | float):
        return "; put it in quotes"
    numbers = [phrase for phrase in phrases if phrase in ("a number", "a whole number")]
    if numbers and isinstance(value, str) and isinstance(value_of(value), int | float):
        return "; remove the quotes"
    if (
        phrases == ["a whole number"]
        and isinstance(value, float)
        and value.is_integer()
        and abs(value) < 1e15
    ):
        return f"; write {value:.0f}"
    if phrases == [SECTION] and isinstance(value, str) and re.match(r"\w+:\S", value):
        return "; put a space after the colon"
    return ""


def _unknown(key: str, name: str, section: type[BaseModel] | None) -> str:
    """The message for a key that a section does not have: what it has, or where the key belongs."""
    known = list(section.model_fields) if section else []
    odd = "".join(dict.fromkeys(char for char in name if not char.isascii()))
    if odd:
        codes = ", ".join(f"U+{ord(char):04X}" for char in odd)
        return f"{ascii(key)[1:-1]}: unknown key with {codes}, expected {one_of(name, known)}"
    if "study" in known and name in OF_METHODS:
        return f"{key}: unknown key of the top level, expected it in the section of a method (methods.<name>.{name})"
    if section and (place := place_for(section, name)):
        return f"{key}: unknown key, expected {place}"
    return f"{key}: unknown key, expected {one_of(name, known)}"


def _expected(place: Place, item: Any) -> str:
    """What was expected in the place of a value."""
    if item["type"] == "literal_error":
        names = ", ".join(_choices(item))
        return f"one of {names}" if ", " in names else names
    if get_origin(place.kind) is tuple:
        return f"a list of {len(get_args(place.kind))} names"
    phrase = EXPECTED.get(item["type"])
    return phrase(item.get("ctx", {})) if phrase else "another value"


def _own(key: str, place: Place, item: Any) -> str:
    """A message of the config's own validators, which begins with the key that it is about, or with what was found."""
    text = str(item["ctx"]["error"])
    first = text.partition(": ")[0].partition(".")[0]
    fields = place.kind.model_fields if hasattr(place.kind, "model_fields") else {}
    if first in fields or ": unknown key, " in text:
        return f"{key}.{text}".removeprefix(".")
    found = "" if text.startswith("found ") else f"found {shown(item['input'])}, "
    return f"{key}: {found}{text}"


def _untagged(key: str, place: Place, item: Any) -> str:
    """The message for an entry of a kind that does not exist."""
    by = item["ctx"]["discriminator"].strip("'")
    names = [name for member in get_args(place.kind) for name in _tags(member)]
    value = item["input"].get(by) if isinstance(item["input"], dict) else None
    if value is None:
        return f"{key}.{by}: found nothing, expected {one_of(None, names)}"
    if value == place.keys[-1]:  # a method's kind is its name, unless it says otherwise
        rest = f", or another name with `{by}:`"
        return f"{key}: unknown {by}, expected {one_of(value, names, rest)}"
    return f"{key}.{by}: found {shown(value)}, expected {one_of(value, names)}"


def _choices(item: Any) -> list[str]:
    """The values of a literal."""
    if item["type"] != "literal_error":
        return []
    return [part.strip("'") for part in item["ctx"]["expected"].replace(" or ", ", ").split(", ")]


def _unwrap(kind: Any) -> tuple[Any, bool]:
    """The type without its annotations, and whether it is a union whose members are told apart by a tag."""
    tagged = False
    if isinstance(kind, FieldInfo):
        tagged = kind.discriminator is not None or any(
            isinstance(one, Discriminator) for one in kind.metadata
        )
        kind = kind.annotation
    while get_origin(kind) is Annotated:
        kind, *marks = get_args(kind)
        tagged = tagged or any(
            isinstance(mark, Discriminator) or getattr(mark, "discriminator", None) for mark in marks
        )
    return kind, tagged


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


def _member(members: Sequence[Any], tag: str | int) -> Any:
    return next((member for member in members if tag in _tags(member)), None)


def _tags(member: Any) -> list[str]:
    """The tags of a member of a tagged union: its own, or the values of its literal that selects it."""
    own = [mark.tag for mark in getattr(member, "__metadata__", ()) if isinstance(mark, Tag)]
    if own:
        return own
    fields = member.model_fields
    kind = next((fields[name].annotation for name in ("method", "source") if name in fields), None)
    return [str(value) for value in get_args(kind)] if get_origin(kind) is Literal else []
