"""Benchmarks of a study: embedded, published, from a user's file, a mixture, or another one with other answers."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from semalign.config.base import Seed, Strict
from semalign.config.tiny import TinyBenchmark
from semalign.runtime.suggestions import nearest, one_of

TooLong = Literal["refuse", "leave-out"]
Unreachable = Literal["refuse", "report"]
TOO_LONG = (
    "examples that the context of a model does not hold, with the tokens to generate: `refuse` ends the run before any "
    "training; `leave-out` draws the splits from the other examples"
)
UNREACHABLE = (
    "references of validation and test that would not be scored as right if a model wrote them (cut off by a stop "
    "string or `max_new_tokens`, or failing their own tests): `refuse` ends the run before any training, `report` only "
    "says so"
)


OTHER_ANSWERS = ("corrupted", "answered_by")  # keys of the two kinds of derived benchmarks


class RealBenchmark(Strict):
    """A published benchmark. Sizes that are null are those of the paper (listed in data/README.md)."""

    benchmark: str = Field(
        description="name of the published benchmark; may be left out if the section has this name"
    )
    train: int | None = Field(None, ge=1, description="examples a method may train on")
    extract: int | None = Field(None, ge=1, description="examples for attribution and pairing")
    align: int | None = Field(None, ge=1, description="examples for fitting maps from data")
    validation: int | None = Field(None, ge=1, description="examples for choosing settings")
    test: int | None = Field(
        None, ge=1, description="size of a fixed part of the official test set; null: the whole test set"
    )
    auxiliary: bool = Field(
        False,
        description="MMLU only: train on its auxiliary questions instead of its dev and validation questions",
    )
    seed: Seed = Field(0, description="seed for drawing the splits")
    verify: bool = Field(
        True, description="reject data that differ from the pinned edition; false accepts any edition"
    )
    too_long: TooLong = Field("refuse", description=TOO_LONG)
    unreachable: Unreachable = Field("report", description=UNREACHABLE)

    @model_validator(mode="after")
    def _only_mmlu_has_auxiliary(self) -> Self:
        if self.auxiliary and self.benchmark != "mmlu":
            raise ValueError(
                f"auxiliary: found true, expected false, since {self.benchmark} has no such part"
            )
        return self


class FileBenchmark(Strict):
    """A user's own JSONL file: one object per line with `prompt`, `answer` and any fields that scoring needs."""

    path: str = Field(min_length=1, description="path of the file, relative to the working directory")
    test_path: str | None = Field(
        None,
        description="path of a file that holds the test split; null: the test split is drawn from `path` as well",
    )
    separator: str | None = Field(
        None,
        description="white space put between prompt and answer if neither the prompt ends nor the answer begins with "
        "some; empty: none. null: a space, and a line break before a program",
    )
    train: int | None = Field(
        None, ge=1, description="examples a method may train on; null: all rows that are in no other split"
    )
    extract: int | None = Field(
        None, ge=1, description="examples for attribution and pairing; null: 5 % of the rows"
    )
    align: int | None = Field(
        None, ge=1, description="examples for fitting maps from data; null: 10 % of the rows"
    )
    validation: int | None = Field(
        None, ge=1, description="examples for choosing settings; null: 10 % of the rows"
    )
    test: int | None = Field(
        None, ge=1, description="examples for the reported scores; null: 20 % of the rows"
    )
    seed: Seed = Field(0, description="seed for drawing the splits")
    too_long: TooLong = Field("refuse", description=TOO_LONG)
    unreachable: Unreachable = Field("refuse", description=UNREACHABLE)

    @field_validator("separator")
    @classmethod
    def _white_space(cls, separator: str | None) -> str | None:
        if separator and not separator.isspace():
            advice = '; a line break is "\\n", in double quotes' if separator.startswith("\\") else ""
            raise ValueError(f"expected white space or an empty text{advice}")
        return separator


class Mixture(Strict):
    """Several benchmarks as one: each split joins the splits of the parts, and each part is also scored separately."""

    parts: list[str] = Field(min_length=2, description="benchmarks of the study to mix")


class Derived(Strict):
    """A benchmark of the study with other answers in its train split; the other four splits are the same."""

    of: str = Field(
        min_length=1,
        description="benchmark of the study whose splits are used: of any kind but one that has `of` itself",
    )


class Corrupted(Derived):
    """A benchmark of which a share of the train split has wrong answers; the other four splits are the same."""

    @model_validator(mode="before")
    @classmethod
    def _says_how(cls, data: Any) -> Any:
        """`of` alone does not say which kind of derived benchmark is meant."""
        if not isinstance(data, dict) or "corrupted" in data:
            return data
        for key in data:
            if key not in cls.model_fields and nearest(key, OTHER_ANSWERS):
                raise ValueError(f"{key}: unknown key, expected {one_of(key, OTHER_ANSWERS)}")
        raise ValueError("found `of` without other answers, expected `corrupted` or `answered_by` with it")

    corrupted: float = Field(
        gt=0,
        le=1,
        description="share of the train split with a wrong answer, rounded to whole examples: another of its choices, "
        "or for other questions the answer of another one of these examples",
    )
    seed: Seed = Field(0, description="seed for drawing these examples and their answers")


class Unlabeled(Derived):
    """A benchmark whose train split has a model's own answers for labels; the other four splits are the same."""

    @model_validator(mode="before")
    @classmethod
    def _has_one_kind_of_answers(cls, data: Any) -> Any:
        if isinstance(data, dict) and "corrupted" in data:
            raise ValueError("found both `corrupted` and `answered_by`, expected one of them")
        return data

    answered_by: str = Field(
        min_length=1,
        description="model of the study whose greedy answers replace those of the train split; a choice question is "
        "answered with the likeliest choice, and examples with an empty answer are left out",
    )


# the key by which each kind of section is recognised; the first one counts
KINDS = {
    "parts": "mixture",
    "path": "file",
    "benchmark": "real",
    "answered_by": "unlabeled",
    "corrupted": "corrupted",
    "of": "corrupted",
}


def kind_of(entry: Any) -> str:
    """Return the kind of benchmark that a section describes: one of the values of `KINDS`, or `embedded`."""
    keys = entry if isinstance(entry, dict) else getattr(type(entry), "model_fields", ())
    return next((kind for key, kind in KINDS.items() if key in keys), "embedded")


def name_benchmarks(section: dict[str, Any], published: Collection[str]) -> dict[str, Any]:
    """Fill in the key `benchmark` of sections that bear the name of a published benchmark."""
    return {
        name: {"benchmark": name, **(entry or {})}
        if name in published and (entry is None or (isinstance(entry, dict) and kind_of(entry) == "embedded"))
        else entry
        for name, entry in section.items()
    }


def base_of(benchmarks: Mapping[str, Any], name: str) -> str:
    """Return the benchmark whose items are scored: of a derived benchmark the one it is made from, or else itself."""
    return str(getattr(benchmarks[name], "of", name))


def without_derived(benchmarks: Mapping[str, Any]) -> list[str]:
    """Return the benchmarks that are not derived from another one."""
    return [name for name, section in benchmarks.items() if not isinstance(section, Derived)]


Benchmark = Annotated[
    Annotated[TinyBenchmark, Tag("embedded")]
    | Annotated[RealBenchmark, Tag("real")]
    | Annotated[FileBenchmark, Tag("file")]
    | Annotated[Mixture, Tag("mixture")]
    | Annotated[Corrupted, Tag("corrupted")]
    | Annotated[Unlabeled, Tag("unlabeled")],
    Discriminator(kind_of),
]
