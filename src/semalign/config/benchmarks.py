"""The benchmarks of a study: drawn by the code, taken from a published one or a user's own file, or a mixture."""

from collections.abc import Collection
from typing import Annotated, Any, Self

from pydantic import Discriminator, Field, Tag, model_validator

from semalign.config.base import Strict
from semalign.config.tiny import TinyBenchmark


class RealBenchmark(Strict):
    """A published benchmark; a split without a size has the paper's (data/README.md lists them)."""

    benchmark: str = Field(description="which one; by default its name in the config")
    train: int | None = Field(None, ge=1, description="examples a method may train on")
    extract: int | None = Field(None, ge=1, description="examples for attribution and pairing")
    align: int | None = Field(None, ge=1, description="examples for maps fitted on data")
    validation: int | None = Field(None, ge=1, description="examples for choosing settings")
    test: int | None = Field(
        None, ge=1, description="a fixed part of the official test set; null scores all of it"
    )
    auxiliary: bool = Field(
        False,
        description="MMLU only: train on its auxiliary questions instead of its dev and validation ones",
    )
    seed: int = Field(0, ge=0, description="seed of the draw")
    verify: bool = Field(
        True, description="refuse rows other than the pinned edition's; false takes any edition"
    )

    @model_validator(mode="after")
    def _only_mmlu_has_auxiliary(self) -> Self:
        if self.auxiliary and self.benchmark != "mmlu":
            raise ValueError(
                f"auxiliary: found true, expected false, since {self.benchmark} has no such part"
            )
        return self


class FileBenchmark(Strict):
    """A user's own JSONL file: an object a line with `prompt` and `answer`, and more where scoring needs it."""

    path: str = Field(min_length=1, description="the file; relative to the working directory")
    test_path: str | None = Field(
        None, description="a file that is the test split; null draws it from `path` too"
    )
    train: int | None = Field(None, ge=1, description="examples a method may train on; null: what is left")
    extract: int | None = Field(None, ge=1, description="for attribution and pairing; null: 5 % of the rows")
    align: int | None = Field(None, ge=1, description="for maps fitted on data; null: 10 % of the rows")
    validation: int | None = Field(None, ge=1, description="for choosing settings; null: 10 % of the rows")
    test: int | None = Field(None, ge=1, description="for the reported scores; null: 20 % of the rows")
    seed: int = Field(0, ge=0, description="seed of the draw")


class Mixture(Strict):
    """One training on several benchmarks together: a split holds their splits, and every part is scored apart."""

    parts: list[str] = Field(min_length=2, description="benchmarks of the study that are mixed")


KINDS = {"parts": "mixture", "path": "file", "benchmark": "real"}  # the key that tells each kind


def kind_of(entry: Any) -> str:
    """What kind of benchmark a section describes: real, file, mixture, or else embedded."""
    keys = entry if isinstance(entry, dict) else getattr(type(entry), "model_fields", ())
    return next((kind for key, kind in KINDS.items() if key in keys), "embedded")


def name_benchmarks(section: dict[str, Any], published: Collection[str]) -> dict[str, Any]:
    """The section `benchmarks`, in which the name of a published benchmark alone says which one it is."""
    return {
        name: {"benchmark": name, **(entry or {})}
        if name in published and (entry is None or (isinstance(entry, dict) and kind_of(entry) == "embedded"))
        else entry
        for name, entry in section.items()
    }


Benchmark = Annotated[
    Annotated[TinyBenchmark, Tag("embedded")]
    | Annotated[RealBenchmark, Tag("real")]
    | Annotated[FileBenchmark, Tag("file")]
    | Annotated[Mixture, Tag("mixture")],
    Discriminator(kind_of),
]
