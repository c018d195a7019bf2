"""What the analyses beside the main table read."""

from typing import Literal

from pydantic import Field

from semalign.config.base import Strict
from semalign.config.statistics import StatisticsSettings


class Decomposition(Strict):
    """The decompose-recompose measure of the paper's Figure 2."""

    models: list[str] = Field([], description="models that are measured; empty skips the measure")
    prompts: str = Field("", description="`humaneval` or the name of one of the study's benchmarks")
    count: int = Field(40, ge=2, description="how many prompts are read")
    interfaces: list[Literal["block", "mlp", "attention"]] = Field(
        ["block", "mlp", "attention"], description="where states are read"
    )
    bases: list[Literal["output", "input", "random"]] = Field(
        ["output", "input", "random"], description="families of bases that are compared"
    )
    seed: int = Field(0, ge=0, description="seed of the random bases and of the bootstrap")


class MeasuredDecomposition(Decomposition):
    """The section as its stages read it, with the coverage of the study's intervals."""

    confidence: float = Field(
        StatisticsSettings().confidence, gt=0.5, lt=1, description="coverage of the intervals over prompts"
    )


class Similarity(Strict):
    """The layer-by-layer CKA of the paper's Figures 4 to 6."""

    benchmark: str = Field("", description="benchmark whose test items are read; empty skips the measure")
    methods: list[str] = Field([], description="methods compared with the untouched student")
    count: int = Field(40, ge=4, description="how many test items are read")


class Geometry(Strict):
    """How near the student's states come to the paper's targets, in every cell."""

    benchmark: str = Field(
        "", description="benchmark whose cells and test items are read; empty skips the measure"
    )
    count: int = Field(100, ge=4, description="how many test items are read")


class Analysis(Strict):
    """The analyses of a study."""

    decomposition: Decomposition = Decomposition()
    similarity: Similarity = Similarity()
    geometry: Geometry = Geometry()
