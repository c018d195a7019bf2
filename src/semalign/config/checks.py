"""What is checked before any long work: the texts of a benchmark as the models of a pair, or one model, read them."""

from pydantic import Field

from semalign.config.base import Split, Strict
from semalign.config.benchmarks import OwnTooLong, Unreachable
from semalign.config.evaluation import EvaluationSettings


class Size(Strict):
    """A number of examples that a setting asks for."""

    split: Split
    examples: int
    key: str

    def problems(self, present: int, benchmark: str) -> list[str]:
        """A line if a benchmark's split has fewer examples than are asked for."""
        if present >= self.examples:
            return []
        return [
            f"{self.key}: found {self.examples}, expected at most the {present} examples of the {self.split} split of "
            f"benchmarks.{benchmark}; lower it, or give that split more (benchmarks.{benchmark}.{self.split})"
        ]


class CheckSettings(Strict):
    """The part of a study that the checks of one benchmark depend on.

    `scored` are the splits that are scored, `uses` says by split what reads teacher and student token by token, and
    `too_long` and `unreachable` hold the choices for each benchmark, or each part of a mixture, that has the keys.
    """

    evaluation: EvaluationSettings
    scored: list[Split] = Field(min_length=1)
    uses: dict[Split, list[str]] = Field(default_factory=dict)
    sizes: list[Size] = Field(default_factory=list)
    too_long: dict[str, OwnTooLong] = Field(default_factory=dict)
    unreachable: dict[str, Unreachable] = Field(default_factory=dict)


class Fitting(Strict):
    """Which models' contexts examples must fit into, with how many tokens to generate (null: the task's default)."""

    readers: list[str]
    new_tokens: int | None
