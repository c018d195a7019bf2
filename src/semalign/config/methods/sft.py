"""Fine-tuning on the labels."""

from typing import Literal

from semalign.config.methods.base import Adapted


class Sft(Adapted):
    """Supervised fine-tuning: cross-entropy on the answers through LoRA."""

    method: Literal["sft"] = "sft"


class Pissa(Adapted):
    """The same, with LoRA begun at the principal part of the student's own weights (PiSSA)."""

    method: Literal["pissa"] = "pissa"
