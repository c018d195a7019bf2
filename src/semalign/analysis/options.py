"""Options that several analyses share: the table's file, the device of the models, the sections of the config."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch

from semalign.models.devices import device as default_device
from semalign.runtime.command import grouped


@grouped
@dataclass(frozen=True)
class Table:
    """Where a table is written.

    Attributes:
        out: The table (CSV).
        record: File that records what the table was made from.
        label: Leading columns with a constant value, as name=value.
    """

    out: Path
    record: Path | None = None
    label: list[str] = field(default_factory=list)

    @property
    def labels(self) -> dict[str, str]:
        """Column -> its constant value."""
        return dict(label.split("=", 1) for label in self.label)


@grouped
@dataclass(frozen=True)
class LayerTables:
    """Where the tables of a decomposition are written.

    Attributes:
        out: Table of all layers (CSV).
        head_out: Table of the final state (CSV).
        record: File that records what the tables were made from.
    """

    out: Path
    head_out: Path
    record: Path | None = None


@grouped
@dataclass(frozen=True)
class SignalTables:
    """Where the tables of signals are written.

    Attributes:
        attribution_out: Table of layers (CSV).
        pairing_out: Table of pairs of layers (CSV).
        record: File that records what the tables were made from.
    """

    attribution_out: Path
    pairing_out: Path
    record: Path | None = None


@grouped
@dataclass(frozen=True)
class Machine:
    """How models are loaded.

    Attributes:
        device: Device of the models, cpu or cuda. Default: the GPU, if there is one.
        dtype: Precision of the models. Default: their own.
    """

    device: str | None = None
    dtype: Literal["float32", "bfloat16"] | None = None

    @property
    def name(self) -> str:
        """The device, or the default one."""
        return self.device or default_device()

    @property
    def precision(self) -> torch.dtype | None:
        """The precision; None for the models' own."""
        return getattr(torch, self.dtype) if self.dtype else None


@grouped
@dataclass(frozen=True)
class Sections:
    """Sections of the config that the geometry is measured with.

    Attributes:
        settings: The study's analysis.geometry, as JSON. Default: its defaults.
        activations: The section `activations`, as JSON. Default: its defaults.
        alignment: The section `alignment`, as JSON. Default: its defaults.
    """

    settings: Path | None = None
    activations: Path | None = None
    alignment: Path | None = None


@grouped
@dataclass(frozen=True)
class Pair:
    """A pair on a benchmark, with the folders that its cells were trained from.

    Attributes:
        pair: Name of the pair.
        teacher: Model folder of the teacher.
        student: Model folder of the student.
        benchmark: Folder of the benchmark's splits.
        pairing: Folder of the layer pairing.
    """

    pair: str
    teacher: Path
    student: Path
    benchmark: Path
    pairing: Path


HERE = Machine()
DEFAULTS = Sections()
