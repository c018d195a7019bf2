"""The benchmarks of a study: drawn by the code, or made of others."""

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from semalign.config.base import Strict
from semalign.config.tiny import TinyBenchmark


class Mixture(Strict):
    """One training on several benchmarks together: a split holds their splits, and every part is scored apart."""

    parts: list[str] = Field(min_length=2, description="benchmarks of the study that are mixed")


def _kind(given: Any) -> str:
    return (
        "mixture"
        if isinstance(given, Mixture) or (isinstance(given, dict) and "parts" in given)
        else "embedded"
    )


Benchmark = Annotated[
    Annotated[TinyBenchmark, Tag("embedded")] | Annotated[Mixture, Tag("mixture")], Discriminator(_kind)
]
