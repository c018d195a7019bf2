"""What a study is about: its name, its seeds, its models, pairs and benchmarks."""

from typing import Literal

from pydantic import Field

from semalign.config.base import Strict
from semalign.config.benchmarks import Benchmark
from semalign.config.models import Model


class Pair(Strict):
    """A teacher, a student, and the benchmarks they meet on (null: all of the study)."""

    teacher: str
    student: str
    benchmarks: list[str] | None = None


class Sources(Strict):
    """The first part of a config file."""

    study: str = Field(description="name of the study; its results stand in results/<study>")
    extends: str | None = Field(
        None, description="config file that holds what this one does not say; null as a value takes a key out"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto",
        description="where models run; auto: on a GPU where the job has one, unless SEMALIGN_DEVICE says more",
    )
    seeds: list[int] = Field([0, 1, 2], min_length=1, description="seeds of every trained method")
    models: dict[str, Model] = Field({}, description="models by name")
    pairs: dict[str, Pair] = Field({}, description="teacher and student of every pair")
    benchmarks: dict[str, Benchmark] = Field({}, description="benchmarks by name")
    mirror: str | None = Field(
        None,
        description="folder with the published benchmarks' files, for machines without internet (`semalign-data "
        "prepare` makes one); null: the one in SEMALIGN_MIRROR, or else the hub",
    )
