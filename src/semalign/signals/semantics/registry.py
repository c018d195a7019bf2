"""Maps by name. A new one is a function in `maps.py`, `fitted.py` or a file of its own, and a line here.

The dictionary says what the function takes and gives.
"""

import importlib
from collections.abc import Callable
from typing import Any

from semalign.runtime.errors import UserError

# (teacher head, student head, shared ids, fold_final_norm, seed) -> a `maps.BasesPair`
BASES_MAPS: dict[str, str] = {
    "pinv": "semalign.signals.semantics.maps:pinv",
    "pinv-raw": "semalign.signals.semantics.maps:pinv_raw",
    "input-side": "semalign.signals.semantics.maps:input_side",
    "random": "semalign.signals.semantics.maps:random",
    "dual": "semalign.signals.semantics.maps:dual",
}
# the same arguments -> the matrix [D_S, D_T]
HEAD_MAPS: dict[str, str] = {
    "vocabulary-least-squares": "semalign.signals.semantics.maps:vocabulary_least_squares",
    "identity": "semalign.signals.semantics.maps:identity",
}
# (unit teacher states, student states), [positions, width] each of the align split -> the matrix [D_S, D_T]
FITTED_MAPS: dict[str, str] = {
    "least-squares": "semalign.signals.semantics.fitted:least_squares",
    "procrustes": "semalign.signals.semantics.fitted:procrustes",
}
MAPS: dict[str, str] = {**BASES_MAPS, **HEAD_MAPS, **FITTED_MAPS}


def load_map(name: str) -> Callable[..., Any]:
    """Import a map's function; raises UserError for an unknown name."""
    found: Callable[..., Any] = getattr(importlib.import_module(module_of(name)), MAPS[name].split(":")[1])
    return found


def module_of(name: str) -> str:
    """The module that holds a map's function; raises UserError for an unknown name."""
    if name not in MAPS:
        raise UserError(f"alignment.map: found {name!r}, expected one of {', '.join(MAPS)}")
    return MAPS[name].split(":")[0]


def check_top(name: str, top: int | None) -> None:
    """Raise UserError where the largest coefficients are asked of a map that forms none."""
    if top is not None and name not in BASES_MAPS:
        raise UserError(
            f"alignment.top: found {top} with alignment.map {name!r}, expected null there; only "
            f"{', '.join(BASES_MAPS)} have coefficients, one a token"
        )
