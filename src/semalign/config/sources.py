"""The basic sections of a config: name, device, seeds, models, pairs and benchmarks."""

from typing import Literal

from pydantic import Field

from semalign.config.base import Seed, Strict
from semalign.config.benchmarks import Benchmark
from semalign.config.models import Model


class Pair(Strict):
    """A teacher, a student, and the benchmarks that the student is trained on."""

    teacher: str = Field(description="name of a model in `models`")
    student: str = Field(description="name of a model in `models`")
    benchmarks: list[str] | None = Field(None, description="benchmarks of the study; null: all of them")


class Sources(Strict):
    """The basic sections of a config file."""

    study: str = Field(description="name of the study; its results are in results/<study>")
    extends: str | None = Field(
        None,
        description="another config file, into which this one is merged key by key; a value of null removes a key",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto",
        description="where models run; `auto`: on the device in the environment variable SEMALIGN_DEVICE if it is set, "
        "otherwise on a GPU if the job has one",
    )
    seeds: list[Seed] = Field([0, 1, 2], min_length=1, description="every method is trained once per seed")
    models: dict[str, Model] = Field({}, description="models by name")
    pairs: dict[str, Pair] = Field({}, description="teacher-student pairs by name")
    benchmarks: dict[str, Benchmark] = Field({}, description="benchmarks by name")
    mirror: str | None = Field(
        None,
        description="folder with the files of the published benchmarks, for machines without internet; `semalign-data "
        "prepare` creates one. null: the folder in SEMALIGN_MIRROR if it is set, otherwise they are "
        "downloaded from the hub",
    )
