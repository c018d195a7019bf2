"""Settings of the analyses outside the main table."""

from typing import Literal

from pydantic import Field

from semalign.config.base import Seed, Strict
from semalign.config.statistics import StatisticsSettings


class Decomposition(Strict):
    """Decomposition of hidden states onto semantic bases, and their recomposition (the paper's Figure 2)."""

    models: list[str] = Field([], description="models to measure; an empty list skips this analysis")
    prompts: str = Field(
        "", description="source of the prompts: `humaneval` or the name of one of the study's benchmarks"
    )
    count: int = Field(40, ge=2, description="number of prompts to read")
    interfaces: list[Literal["block", "mlp", "attention"]] = Field(
        ["block", "mlp", "attention"],
        description="outputs of a layer that are measured: of the whole layer (`block`), its MLP or its attention",
    )
    bases: list[Literal["output", "input", "random"]] = Field(
        ["output", "input", "random"],
        description="semantic bases to compare: from the LM head's pseudoinverse (`output`, the paper's), from the "
        "input embedding (`input`), or random vectors as a control",
    )
    seed: Seed = Field(0, description="seed of the random bases and of the bootstrap")


class MeasuredDecomposition(Decomposition):
    """The section as its stage reads it, with the study's confidence level added."""

    confidence: float = Field(
        StatisticsSettings().confidence,
        gt=0.5,
        lt=1,
        description="confidence level of the intervals over prompts",
    )


class Similarity(Strict):
    """Layer-by-layer CKA between teacher and student (the paper's Figures 4 to 6)."""

    benchmark: str = Field(
        "", description="benchmark whose test items are read; an empty string skips this analysis"
    )
    methods: list[str] = Field([], description="methods to compare with the untrained student")
    count: int = Field(40, ge=4, description="number of test items to read")


class Geometry(Strict):
    """Similarity of the student's hidden states to the paper's targets, before and after each training run."""

    benchmark: str = Field(
        "",
        description="benchmark whose trained students and test items are read; an empty string skips this analysis",
    )
    count: int = Field(100, ge=4, description="number of test items to read")


class Displacement(Strict):
    """Directions in which training moves the student's hidden states, compared with those of a reference method."""

    benchmark: str = Field(
        "",
        description="benchmark whose trained students and train examples are read; an empty string skips this analysis",
    )
    reference: str = Field(
        "",
        description="method whose displacements the others are compared with, such as `distill-logits`; its own seeds "
        "compared with each other are the ceiling",
    )
    count: int = Field(100, ge=4, description="number of train examples to read")


class MeasuredDisplacement(Displacement):
    """The section as its stage reads it, with the study's confidence level added."""

    confidence: float = Field(
        StatisticsSettings().confidence,
        gt=0.5,
        lt=1,
        description="confidence level of the intervals over examples",
    )


class Analysis(Strict):
    """The analyses outside the main table."""

    decomposition: Decomposition = Decomposition()
    similarity: Similarity = Similarity()
    displacement: Displacement = Displacement()
    geometry: Geometry = Geometry()
