"""Names of a model's tensors in files: which of them is the head, and which may be there without a use."""

import re
from collections.abc import Collection, Iterable

from semalign.models.architectures import Architecture

# Stored by older versions of the libraries, and computed from the config today. The only tensors that may be in a file
# without being part of the model.
HARMLESS = re.compile(r"(^|\.)(rotary_emb\.inv_freq|attention\.(masked_)?bias)$")
SHOWN = 4


def own_name(facts: Architecture, stored: str) -> str:
    """The tensor's name in `Architecture`; in a file the head may have another one, and the prefix may be absent.

    transformers accepts a file of the bare decoder (`layers.0...` for `model.layers.0...`), a prefix before the head,
    and both names of GPT-NeoX's head.
    """
    prefix = facts.embedding.partition(".")[0]
    head = stored.removeprefix(f"{prefix}.")
    if head in (f"{facts.head}.weight", f"{facts.head_module}.weight"):
        return f"{facts.head}.weight"
    inner = (facts.layers, facts.embedding, facts.final_norm)
    if any(f"{prefix}.{stored}".startswith(f"{module}.") for module in inner):
        return f"{prefix}.{stored}"
    return stored


def listed(names: Iterable[str]) -> str:
    """The first few names in the order of the layers, and the number of the others."""
    ordered = sorted(names, key=_natural)
    more = f" and {len(ordered) - SHOWN} more" if len(ordered) > SHOWN else ""
    return ", ".join(ordered[:SHOWN]) + more


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in name.split(".")]


def common_prefix(found: Collection[str], expected: Collection[str]) -> str | None:
    """What precedes every name in `found`, if the expected names follow it; such as `module.`."""
    for name in found:
        ends = [wanted for wanted in expected if name.endswith(f".{wanted}")]
        if not ends:
            return None
        prefix = name.removesuffix(max(ends, key=len))
        same = all(other.removeprefix(prefix) in expected for other in found if other.startswith(prefix))
        return prefix if same and all(other.startswith(prefix) for other in found) else None
    return None
