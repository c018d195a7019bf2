"""Base class of all sections of a study's configuration, and the names of the splits."""

import math
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """A section that rejects unknown keys and values of another type.

    A misspelt key thus fails before any work starts, and neither true nor the text "7" is taken for a number.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, validate_default=True, allow_inf_nan=False
    )


Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Contrast = Annotated[tuple[str, str], Field(strict=False)]  # two methods, as a list in a file

Split = Literal["train", "extract", "align", "validation", "test"]


SPLITS: tuple[Split, ...] = get_args(Split)


def shown(value: Any) -> str:
    """Return a value as it would be in a config file, shortened if it is long."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else f"{'-' if value < 0 else ''}.inf"
    if isinstance(value, dict):
        return "a section" if value else "an empty section"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"{value:.1f}" if abs(value) < 1e6 else f"{value:g}"
    if isinstance(value, tuple):  # a list of names
        return f"[{', '.join(map(str, value))}]"
    text = f"[{', '.join(map(shown, value))}]" if isinstance(value, list) else repr(value)
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"
