"""Maps by name: each is announced with `@semantic_map` above its function, in a file of `maps/`.

A new one is such a function in a file of its own there; `alignment.map` then takes its name.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from semalign.runtime.errors import UserError
from semalign.runtime.registry import Registry

MapT = TypeVar("MapT", bound=Callable[..., Any])

MAPS: Registry[Callable[..., Any]] = Registry(
    "alignment.map", "semalign.signals.semantics.maps", "semantic_map"
)
BASES_MAPS = MAPS.named(made_of="bases")
HEAD_MAPS = MAPS.named(made_of="heads")
FITTED_MAPS = MAPS.named(made_of="states")


def semantic_map(
    name: str, *, title: str, made_of: Literal["bases", "heads", "states"]
) -> Callable[[MapT], MapT]:
    """Announce a map; `made_of` says what its function takes and gives.

    - bases: (teacher head, student head, shared ids, fold_final_norm, seed) -> a `parts.BasesPair`
    - heads: the same arguments -> the matrix [D_S, D_T]
    - states: (unit teacher states, student states), [positions, width] each of the align split -> the matrix
    """
    return lambda function: function


def check_top(name: str, top: int | None) -> None:
    """Raise UserError if the largest coefficients are asked of a map that forms none."""
    if top is not None and name not in BASES_MAPS:
        raise UserError(
            f"alignment.top: found {top} with alignment.map {name!r}, expected null there; only "
            f"{', '.join(BASES_MAPS)} have coefficients, one a token"
        )


def module_of(name: str) -> str:
    """The module that holds a map's function; raises UserError for an unknown name."""
    return MAPS.module_of(name)
