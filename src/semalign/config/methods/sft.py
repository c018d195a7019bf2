"""Fine-tuning on the labels."""

from typing import Literal

from pydantic import Field

from semalign.config.methods.base import Adapted, Layers


class Sft(Adapted):
    """Supervised fine-tuning: cross-entropy on the answers through LoRA."""

    method: Literal["sft"] = "sft"


class Pissa(Adapted):
    """The same, with LoRA begun at the principal part of the student's own weights (PiSSA): Seeking's control."""

    method: Literal["pissa"] = "pissa"
    layers: Layers = Field("all", description="adapt all layers, as published, or the paired ones only")
    even_split: bool = Field(
        False,
        description="singular values shared evenly by both factors, as published; else all in the first, as Seeking's",
    )
