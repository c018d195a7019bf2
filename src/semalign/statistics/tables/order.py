"""What a table holds and in which order, as the study's config says it."""

from pydantic import Field

from semalign.config.base import Strict


class Axis(Strict):
    """One axis of the ablation."""

    default: str = Field(description="value of the axis in the default variant, as its row names it")
    values: list[str] = Field(default=[], description="values beside the default, as the variants name them")


class Order(Strict):
    """Names in the order in which rows stand."""

    pairs: list[str]
    benchmarks: list[str]
    methods: list[str]
    parts: dict[str, list[str]] = Field(default={}, description="mixture -> the benchmarks it is made of")
    student: str = Field(default="student", description="method that is the untouched student")
    teacher: str = Field(default="teacher", description="method that is the teacher")
    baselines: list[str] | None = Field(
        default=None, description="candidates for the best baseline; null: all methods"
    )
    contrasts: list[tuple[str, str]] = Field(
        default=[], description="methods that are compared with one another, beside student and best baseline"
    )
    default_variant: str = "default"
    axes: dict[str, dict[str, Axis]] = Field(
        default={}, description="method -> axis (the part of a variant's name before `~`) -> values"
    )
    titles: dict[str, str] = Field(
        default={}, description="method -> its printed name, if that is not spelt from the method's own"
    )
    paper_pairs: dict[str, str] = Field(
        default={}, description="pair -> its name in `paper.py`, where they differ"
    )

    @property
    def rows_of_benchmarks(self) -> list[str]:
        """The benchmarks, each mixture followed by its parts."""
        return [row for name in self.benchmarks for row in (name, *self.part_names(name))]

    def part_names(self, benchmark: str) -> list[str]:
        """What the tables call the parts of a mixture."""
        return [part_name(benchmark, part) for part in self.parts.get(benchmark, [])]

    def is_part(self, benchmark: str) -> bool:
        """Whether a row is about one part of a mixture."""
        return benchmark not in self.benchmarks

    @property
    def references(self) -> tuple[str, str]:
        """Student and teacher, which are not methods to compare."""
        return (self.student, self.teacher)


def part_name(benchmark: str, part: str) -> str:
    """What the tables call a part of a mixture, `mixture/facts`: trained on all parts, scored on this one."""
    return f"{benchmark}/{part}"
