"""Where a key belongs that is in the wrong section: signals of a method, dotted keys, keys of a section inside."""

from pydantic import BaseModel

from semalign.config.methods import MethodSettings
from semalign.config.signals import Signals


def place_for(section: type[BaseModel], name: str) -> str:
    """Return where a section expects a key that it does not have itself, in words; empty if it is unknown there too."""
    first, _, rest = name.partition(".")
    if (inner := _section(section, first)) is not None and rest.partition(".")[0] in inner.model_fields:
        return f"`{rest.partition('.')[0]}` in the section `{first}`"
    places = [key for key in section.model_fields if _has(section, key, name)]
    if len(places) == 1 and issubclass(section, MethodSettings):
        return f"it in the section `{places[0]}` of the method"
    return f"it under `signals` of the method, as `{signal}`" if (signal := _signal(section, name)) else ""


def signals_with(key: str) -> list[str]:
    """Return the dotted keys of the signal stages that end in a key."""
    return [f"{stage}.{key}" for stage in Signals.model_fields if _has(Signals, stage, key)]


def _signal(section: type[BaseModel], name: str) -> str:
    """The dotted key of a signal stage that is meant by a key of a method, or one of a stage as an example."""
    if not issubclass(section, MethodSettings):
        return ""
    stage, _, rest = name.partition(".")
    if (inner := _section(Signals, stage)) is not None:
        return name if rest else f"{stage}.{next(iter(inner.model_fields))}"
    found = signals_with(name)
    return found[0] if len(found) == 1 else ""


def _section(section: type[BaseModel], key: str) -> type[BaseModel] | None:
    """The section at a key of another one; None if the key is none, or has a plain value."""
    field = section.model_fields.get(key)
    kind = field.annotation if field else None
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _has(section: type[BaseModel], key: str, name: str) -> bool:
    inner = _section(section, key)
    return inner is not None and name in inner.model_fields
