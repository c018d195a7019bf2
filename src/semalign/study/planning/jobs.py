"""A job of a study with its predicted cost, and what it works on."""

from dataclasses import dataclass

from semalign.study.planning.memory import Peak
from semalign.study.planning.shapes import ModelShape
from semalign.study.planning.texts import Texts

NO_PEAK = Peak()


@dataclass(frozen=True)
class Job:
    """Predicted cost of one job: seconds, bytes on disk and peak memory."""

    rule: str
    seconds: float
    disk: int
    peak: Peak


@dataclass(frozen=True)
class Row:
    """Total cost of all jobs of one rule, with the peak memory of its largest job."""

    rule: str
    jobs: int
    hours: float
    disk: int
    peak: Peak


@dataclass(frozen=True)
class Work:
    """Shapes of a pair and texts of a benchmark."""

    teacher: ModelShape
    student: ModelShape
    texts: Texts

    def tokens(self, split: str, batch: int) -> int:
        """Return the number of tokens of a padded batch that contains the longest example."""
        texts = self.texts.splits[split]
        return min(batch, texts.examples) * texts.longest
