"""Config files that extend another one and contain only the differences."""

from pathlib import Path
from typing import Any

import yaml

from semalign.runtime.errors import UserError

KEY = "extends"


def read_yaml(path: Path | str) -> dict[str, Any]:
    """Read a config file as it is. Raises UserError if it is missing or not a mapping of sections."""
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
    """Merge a config into the file that its key `extends` names.

    Sections are merged key by key, at every depth. A list or a value replaces that of the other file, and null
    removes a key. Raises UserError if the file is missing or if files extend each other in a circle.
    """
    if KEY not in data:
        return data
    base = data[KEY]
    if not isinstance(base, str):
        raise UserError(f"config: {KEY}: found {base!r}, expected the path of a config file")
    if base in seen:
        raise UserError(f"config: {KEY}: found the circle {' -> '.join((*seen, base))}, expected none")
    own = {key: value for key, value in data.items() if key != KEY}
    return merged(extended(read_yaml(base), (*seen, base)), own)


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return `below` updated with the keys of `above`, in the order of `below`, new keys last."""
    result = dict(below)
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            result[key] = merged(below[key], value)
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = value
    return result
