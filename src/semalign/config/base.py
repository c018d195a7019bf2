"""The base of every section of a study's configuration."""

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Refuses unknown keys, so that a misspelt key fails before any work starts."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


Split = Literal["train", "extract", "align", "validation", "test"]


SPLITS: tuple[Split, ...] = get_args(Split)
