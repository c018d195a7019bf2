"""Function bodies for a signature and docstring, scored by running them: the embedded counterpart of HumanEval."""

import random

from semalign.benchmarks.base import Example
from semalign.benchmarks.embedded import draw_splits
from semalign.benchmarks.registry import embedded
from semalign.benchmarks.tiny.programs import COMPLETION_TWO_STEPS, completion_prompt, draw_program, tests_of
from semalign.config.base import Split
from semalign.config.tiny import TinyBenchmark


@embedded("completion", title="Completion")
def build(settings: TinyBenchmark) -> dict[Split, list[Example]]:
    """Build all splits; raises UserError if more examples are requested than can be drawn."""
    return draw_splits("completion", settings, draw_item)


def draw_item(draw: random.Random, reserved: bool) -> Example:
    """Draw one function; the prompt is also the code before the generated text."""
    program = draw_program(draw, reserved, COMPLETION_TWO_STEPS)
    prompt = completion_prompt(program)
    tests = tests_of(program, draw)
    return Example("", prompt, program.body, tests=tests, entry_point=program.name, prefix=prompt)
