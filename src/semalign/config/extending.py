"""Config files that say only what is different from another one."""

from pathlib import Path
from typing import Any

import yaml

from semalign.runtime.errors import UserError

KEY = "extends"


def read_yaml(path: Path | str) -> dict[str, Any]:
    """A config file as it stands; raises UserError where it is missing or not a mapping of sections."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such config file")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from None
    if not isinstance(data, dict):
        raise UserError(f"{path}: found {type(data).__name__}, expected a mapping of sections")
    return data


def extended(data: dict[str, Any], seen: tuple[str, ...] = ()) -> dict[str, Any]:
    """The config with the file that its key `extends` names filled in below it.

    Sections are merged key by key, at every depth; a list or a value replaces the other file's, and null takes
    a key out. Raises UserError where the file is missing or the files extend each other in a circle.
    """
    if KEY not in data:
        return data
    base = data[KEY]
    if not isinstance(base, str):
        raise UserError(f"config: {KEY}: found {base!r}, expected the path of a config file")
    if base in seen:
        raise UserError(f"config: {KEY}: {' -> '.join((*seen, base))} is a circle")
    own = {key: value for key, value in data.items() if key != KEY}
    return merged(extended(read_yaml(base), (*seen, base)), own)


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """`below` with the keys of `above` set in it; the order is that of `below`, new keys last."""
    result = dict(below)
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            result[key] = merged(below[key], value)
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = value
    return result
