"""The models that can be pruned, and the sizes that they can be pruned to; without torch."""

from typing import Any

from semalign.config.pruning import PrunedModel
from semalign.models.architectures import ARCHITECTURES, Architecture
from semalign.models.configs import architecture_name
from semalign.models.families import FAMILIES, Family
from semalign.runtime.errors import UserError


def check_sizes(config: dict[str, Any], settings: PrunedModel) -> None:
    """Check that a model with this config.json can be pruned to these sizes.

    Raises UserError, in one line, for an architecture other than Llama's (gated feed-forward network, RMS
    norms before the sublayers), a size above the teacher's, or a width that is not a multiple of the number of
    attention heads, which transformers refuses to load.
    """
    kind = architecture_name(config)
    fit = [name for name, facts in ARCHITECTURES.items() if facts == Architecture()]
    if kind not in fit:
        raise UserError(
            f"pruning: teacher {settings.teacher}: found {kind}, expected one of {', '.join(fit)}"
        )
    family = FAMILIES.get(kind, Family("", lambda *_: {}, {}))
    sizes = {"layers": "num_hidden_layers", "feed_forward": "intermediate_size", "width": "hidden_size"}
    for name, key in sizes.items():
        wanted, largest = getattr(settings, name), family.value(config, key)
        if wanted is not None and wanted > largest:
            raise UserError(f"pruning: {name}: found {wanted}, expected at most the teacher's {largest}")
    heads = family.value(config, "num_attention_heads")
    if settings.width is not None and settings.width % heads:
        below = settings.width // heads * heads
        near = [width for width in (below, below + heads) if 0 < width <= config["hidden_size"]]
        raise UserError(
            f"pruning: width: found {settings.width}, expected a multiple of the teacher's {heads} attention heads "
            f"({' or '.join(map(str, near))})"
        )
