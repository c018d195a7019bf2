"""Word problems, scored by exact match of the generated result: the embedded counterpart of GSM8K.

As in GSM8K, a solution ends with `#### <result>`; `target` is that result.
"""

import random

from semalign.benchmarks.base import Example
from semalign.benchmarks.embedded import draw_splits
from semalign.benchmarks.registry import embedded
from semalign.benchmarks.tiny.arithmetic import draw_problem
from semalign.config.base import Split
from semalign.config.tiny import TinyBenchmark


@embedded("arithmetic", title="Arithmetic")
def build(settings: TinyBenchmark) -> dict[Split, list[Example]]:
    """Build all splits; raises UserError if more examples are requested than can be drawn."""
    return draw_splits("arithmetic", settings, draw_item)


def draw_item(draw: random.Random, reserved: bool) -> Example:
    """Draw one problem with its written-out solution."""
    problem = draw_problem(draw, reserved)
    return Example("", problem.prompt, problem.answer, target=str(problem.results[-1]))
