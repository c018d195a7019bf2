"""Projections that an architecture has as separate matrices, which methods that read or change single ones need."""

from collections.abc import Sequence

from semalign.models.architectures import Architecture
from semalign.runtime.errors import UserError


def inseparable(facts: Architecture, names: Sequence[str]) -> str | None:
    """Why an architecture does not have these projections as separate matrices; None if it has them."""
    lacking = [name for name in names if name not in facts.projections]
    if not lacking:
        return None
    expected = f"expected an architecture with separate matrices {', '.join(names)}"
    module = facts.fused.get(lacking[0], ("", 0))[0]
    together = [name for name, (other, _) in facts.fused.items() if other == module]
    if together:
        return f"whose {' and '.join(together)} are one matrix ({module}); {expected}"
    return f"which has no matrix {' and no matrix '.join(lacking)}; {expected}"


def check_separate(facts: Architecture, names: Sequence[str], model: str) -> None:
    """Raise UserError if an architecture does not have these projections as separate matrices."""
    if why := inseparable(facts, names):
        raise UserError(f"model {model}: found an architecture {why}")
