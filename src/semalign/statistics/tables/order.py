"""The contents of the tables and their order, from the study's config."""

from pydantic import Field

from semalign.config.analysis import Ladder
from semalign.config.base import Contrast, Strict


class Axis(Strict):
    """One axis of the ablation."""

    default: str = Field(description="value of the axis in the default variant, as named in its row")
    values: list[str] = Field(default=[], description="all other values, as named in the variants")


class Order(Strict):
    """Names in the order of the rows."""

    pairs: list[str]
    benchmarks: list[str]
    methods: list[str]
    parts: dict[str, list[str]] = Field(default={}, description="mixture -> the benchmarks it is made of")
    derived: dict[str, str] = Field(
        default={}, description="benchmark with changed answers -> the benchmark whose items it is scored on"
    )
    student: str = Field(default="student", description="method that is the untouched student")
    teacher: str = Field(default="teacher", description="method that is the teacher")
    baselines: list[str] | None = Field(
        default=None, description="candidates for the best baseline; null: all methods"
    )
    rungs: list[str] = Field(
        default=[], description="methods that are only rungs of the ladder, without a row in the main table"
    )
    contrasts: list[Contrast] = Field(
        default=[], description="methods to compare with one another, besides student and best baseline"
    )
    ladder: Ladder = Field(
        default=Ladder(), description="methods to compare with the one below each, and on which benchmarks"
    )
    doses: dict[str, list[str]] = Field(
        default={},
        description="method -> variants that change only how much it is trained, by learning rate, epochs or steps",
    )
    default_variant: str = "default"
    axes: dict[str, dict[str, Axis]] = Field(
        default={}, description="method -> axis (the part of a variant's name before `~`) -> values"
    )
    titles: dict[str, str] = Field(
        default={}, description="method -> its printed name, if it can't be derived from the method's name"
    )
    controls: list[str] | None = Field(
        default=None, description="methods that are controls of others; null: recognised by their names"
    )
    paper_pairs: dict[str, str] = Field(
        default={}, description="pair -> its name in `paper.py`, if they differ"
    )

    @property
    def rows_of_benchmarks(self) -> list[str]:
        """The benchmarks, each mixture followed by its parts."""
        return [row for name in self.benchmarks for row in (name, *self.part_names(name))]

    def part_names(self, benchmark: str) -> list[str]:
        """The names of a mixture's parts in the tables."""
        return [part_name(benchmark, part) for part in self.parts.get(benchmark, [])]

    def is_part(self, benchmark: str) -> bool:
        """Whether a row is about one part of a mixture."""
        return benchmark not in self.benchmarks

    @property
    def references(self) -> tuple[str, str]:
        """Student and teacher, which are references and not methods to compare."""
        return (self.student, self.teacher)


def part_name(benchmark: str, part: str) -> str:
    """The name of a mixture's part in the tables, such as `mixture/facts`: trained on all parts, scored on this one."""
    return f"{benchmark}/{part}"
