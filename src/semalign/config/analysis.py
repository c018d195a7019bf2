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


class Measured(Strict):
    """What a section has in addition as its stage reads it."""

    confidence: float = Field(
        StatisticsSettings().confidence, gt=0.5, lt=1, description="the study's confidence level"
    )


class MeasuredDecomposition(Decomposition, Measured):
    """The section `decomposition` as its stage reads it."""


class MeasuredDisplacement(Displacement, Measured):
    """The section `displacement` as its stage reads it."""


class Ladder(Strict):
    """Methods that differ in one thing, each tested against the one below it."""

    benchmarks: list[str] = Field(
        [], description="benchmarks of the ladder; an empty list takes all that the pairs are trained on"
    )
    rungs: list[str] = Field(
        [],
        description="methods, the one expected lowest first; each is tested against the one before it. An empty list "
        "skips this analysis",
    )


class Analysis(Strict):
    """The analyses outside the main table."""

    decomposition: Decomposition = Decomposition()
    similarity: Similarity = Similarity()
    displacement: Displacement = Displacement()
    geometry: Geometry = Geometry()
    ladder: Ladder = Ladder()
