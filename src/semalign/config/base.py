"""Base class of all sections of a study's configuration, and the names of the splits."""

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A section that rejects unknown keys, so that a misspelt key fails before any work starts."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


Split = Literal["train", "extract", "align", "validation", "test"]


SPLITS: tuple[Split, ...] = get_args(Split)
