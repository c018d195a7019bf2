"""Whole functions for a description, scored by running them: the embedded counterpart of MBPP."""

import random

from semalign.benchmarks.base import Example
from semalign.benchmarks.embedded import draw_splits
from semalign.benchmarks.registry import embedded
from semalign.benchmarks.tiny.programs import SYNTHESIS_TWO_STEPS, draw_program, synthesis_prompt, tests_of
from semalign.config.base import Split
from semalign.config.tiny import TinyBenchmark


@embedded("synthesis", title="Synthesis")
def build(settings: TinyBenchmark) -> dict[Split, list[Example]]:
    """Build all splits; raises UserError if more examples are requested than can be drawn."""
    return draw_splits("synthesis", settings, draw_item)


def draw_item(draw: random.Random, reserved: bool) -> Example:
    """Draw one function; the prompt gives its name."""
    program = draw_program(draw, reserved, SYNTHESIS_TWO_STEPS)
    answer = f"\n{program.signature}{program.body}"
    tests = tests_of(program, draw)
    return Example("", synthesis_prompt(program), answer, tests=tests, entry_point=program.name)
