"""Types of the config sections `methods` and `benchmarks`, built from the registries.

A new method or benchmark is registered in its own file and needs no change here.
"""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Discriminator, Field, Tag, create_model

from semalign.benchmarks.registry import PUBLISHED
from semalign.config.benchmarks import Benchmark as AnyBenchmark
from semalign.config.benchmarks import Corrupted, FileBenchmark, Mixture, RealBenchmark, Unlabeled, kind_of
from semalign.config.methods import MethodSettings
from semalign.config.tiny import TinyBenchmark
from semalign.methods.registry import METHODS

# type checkers can't follow unions that are built at run time, so they see the base classes
if TYPE_CHECKING:
    Method = MethodSettings
    Benchmark = AnyBenchmark
else:
    _SETTINGS = [METHODS.load(name).settings for name in METHODS]
    Method = Annotated[reduce(or_, _SETTINGS), Field(discriminator="method")]

    _Published = create_model(
        "RealBenchmark",
        __base__=RealBenchmark,
        __doc__=RealBenchmark.__doc__,
        benchmark=(Literal[tuple(PUBLISHED)], RealBenchmark.model_fields["benchmark"]),
    )
    Benchmark = Annotated[
        Annotated[TinyBenchmark, Tag("embedded")]
        | Annotated[_Published, Tag("real")]
        | Annotated[FileBenchmark, Tag("file")]
        | Annotated[Mixture, Tag("mixture")]
        | Annotated[Corrupted, Tag("corrupted")]
        | Annotated[Unlabeled, Tag("unlabeled")],
        Discriminator(kind_of),
    ]
