"""Settings of every method, discriminated by `method`.

A new method adds its settings in a file here and to the union, a file in `semalign/methods/` and a line in its
registry.
"""

from typing import Annotated

from pydantic import Field

from semalign.config.methods.anchored import Anchored, Prox, SelfAnchor
from semalign.config.methods.base import Adapted, Lora, MethodSettings
from semalign.config.methods.distill import DistillHidden, DistillLogits, DistillStates, FlexKd
from semalign.config.methods.geometry import ResidualGeometry
from semalign.config.methods.laten import Laten
from semalign.config.methods.seeking import Seeking
from semalign.config.methods.semalign import SemAlign
from semalign.config.methods.sft import Pissa, Sft
from semalign.config.methods.untouched import Student, Teacher

__all__ = [
    "Adapted",
    "Anchored",
    "DistillHidden",
    "DistillLogits",
    "DistillStates",
    "FlexKd",
    "Laten",
    "Lora",
    "Method",
    "MethodSettings",
    "Pissa",
    "Prox",
    "ResidualGeometry",
    "Seeking",
    "SelfAnchor",
    "SemAlign",
    "Sft",
    "Student",
    "Teacher",
]

Method = Annotated[
    Student
    | Teacher
    | Sft
    | Pissa
    | SemAlign
    | Seeking
    | Laten
    | DistillLogits
    | DistillStates
    | DistillHidden
    | FlexKd
    | Prox
    | ResidualGeometry
    | SelfAnchor,
    Field(discriminator="method"),
]
