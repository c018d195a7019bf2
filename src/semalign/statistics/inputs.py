"""Inputs of a stage that are not artifacts: sections of a config and lists of folders, as JSON."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from semalign.config.base import Strict
from semalign.config.explaining import explain
from semalign.runtime.errors import UserError
from semalign.runtime.provenance import read_settings

Section = TypeVar("Section", bound=Strict)


def read_section(section: type[Section], path: Path | None) -> Section:
    """Read a section of a config from its JSON file; without a file, return its defaults.

    Raises UserError naming the file and every key that is wrong.
    """
    if path is None:
        return section()
    try:
        return section.model_validate(read_settings(path))
    except ValidationError as error:
        raise UserError(*(f"{path}: {line}" for line in explain(error, section))) from None


def read_listing(paths: Sequence[str]) -> list[Path]:
    """Return these folders or, if the only path is a JSON file, the folders that it lists.

    Raises UserError if that file is not a list of folders.
    """
    if len(paths) != 1 or not paths[0].endswith(".json"):
        return [Path(path) for path in paths]
    folders = read_settings(paths[0])
    if not isinstance(folders, list) or not all(isinstance(path, str) for path in folders):
        raise UserError(f"{paths[0]}: found something else, expected a list of folders")
    return [Path(path) for path in folders]
