"""Registry of maps: each map is a function in a file of `maps/`, registered with `@semantic_map`.

To add a map, write such a function in a new file there; `alignment.map` then accepts its name.
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
    name: str,
    *,
    title: str,
    made_of: Literal["bases", "heads", "states"],
    rows: Literal["head", "embedding"] = "head",
) -> Callable[[MapT], MapT]:
    """Register a map; `title` is its printed name. `made_of` determines the function's arguments and result:

    - bases: (teacher head, student head, shared ids, fold_final_norm, seed) -> a `parts.BasesPair`
    - heads: the same arguments -> the matrix [D_S, D_T]
    - states: (unit teacher states, student states), each [positions, width] of the align split -> the matrix

    `rows` says which rows of a token must have been trained in both models, those of the LM heads or of the embeddings;
    the shared ids have no other tokens.
    """
    return lambda function: function


def rows_of(name: str) -> Literal["head", "embedding"]:
    """The matrix whose rows decide which tokens the map called `name` uses. Raises UserError for an unknown name."""
    return "embedding" if MAPS.entry(name).facts.get("rows") == "embedding" else "head"


def check_top(name: str, top: int | None) -> None:
    """Raise UserError if `alignment.top` is set for a map that has no coefficients."""
    if top is not None and name not in BASES_MAPS:
        raise UserError(
            f"alignment.top: found {top} with alignment.map {name!r}, expected null; only "
            f"{', '.join(BASES_MAPS)} have coefficients, one per token"
        )


def module_of(name: str) -> str:
    """The module that defines a map. Raises UserError for an unknown name."""
    return MAPS.module_of(name)
