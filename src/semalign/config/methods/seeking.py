"""Seeking (arXiv 2310.11451)."""

from typing import Any, Literal

from pydantic import Field

from semalign.config.methods.base import Adapted, Layers


class Seeking(Adapted):
    """LoRA begun at the sub-matrices of the teacher's weights that the task is most sensitive to.

    Stored is an adapter of twice lora.rank on the untouched student: what the frozen weights lost, and what was
    trained.
    """

    method: Literal["seeking"] = "seeking"
    layers: Layers = Field("all", description="adapt all layers, as published, or the paired ones only")

    @property
    def needs(self) -> tuple[str, ...]:
        """The factors of the teacher's windows."""
        return ("extraction", *super().needs)

    @property
    def demands(self) -> dict[str, Any]:
        """The factors have the adapter's rank and its matrices."""
        return {"extraction.rank": self.lora.rank, "extraction.projections": self.lora.projections}
