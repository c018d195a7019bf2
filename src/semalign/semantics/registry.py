"""Maps by name. A new one is a function in `maps.py` or a file of its own, and a line here."""

import importlib
from collections.abc import Callable
from typing import Any

from semalign.errors import UserError

MAPS: dict[str, str] = {
    "pinv": "semalign.semantics.maps:pinv",
    "pinv-raw": "semalign.semantics.maps:pinv_raw",
    "input-side": "semalign.semantics.maps:input_side",
    "random": "semalign.semantics.maps:random",
    "dual": "semalign.semantics.maps:dual",
    "vocabulary-least-squares": "semalign.semantics.maps:vocabulary_least_squares",
    "identity": "semalign.semantics.maps:identity",
}


def load_map(name: str) -> Callable[..., Any]:
    """Import a map's function; raises UserError for an unknown name."""
    if name not in MAPS:
        raise UserError(f"alignment.map: found {name!r}, expected one of {', '.join(MAPS)}")
    module, function = MAPS[name].split(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found
