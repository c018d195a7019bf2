"""Cells of a study and the readable names of variants."""

from dataclasses import dataclass
from typing import Any

DEFAULT = "default"


@dataclass(frozen=True)
class Cell:
    """One training run and its score: a pair, a benchmark, a method, a variant and a seed."""

    pair: str
    benchmark: str
    method: str
    variant: str
    seed: int

    @property
    def path(self) -> str:
        """The cell's folder below `results/<study>/cells`."""
        return f"{self.pair}/{self.benchmark}/{self.method}/{self.variant}/seed{self.seed}"


def variant_name(key: str, value: Any) -> str:
    """Return the name of a variant, e.g. `map~random` for alignment.map = random.

    Characters that are not safe in a path become '-'.
    """
    text = "".join(c if c.isalnum() or c in "._+-" else "-" for c in str(value).lower())
    return f"{key.rsplit('.', 1)[-1]}~{text}"
