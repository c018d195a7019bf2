"""Knowledge by four-way choice, scored by log-likelihood: the embedded counterpart of MMLU.

A model can only know a fact that it has read, so every fact that a question asks for is in the pretraining corpus. The
questions are not: no prompt of validation or test occurs in it. A fact asked for in train, extract or align is never
asked for in validation or test, so training cannot teach a test answer.
"""

import random

from semalign.benchmarks.base import Example
from semalign.benchmarks.embedded import draw_splits
from semalign.benchmarks.registry import embedded
from semalign.benchmarks.tiny.facts import asked_facts, draw_question
from semalign.config.base import Split
from semalign.config.tiny import TinyBenchmark


@embedded("facts", title="Facts")
def build(settings: TinyBenchmark) -> dict[Split, list[Example]]:
    """Build all splits; raises UserError if more examples are requested than can be drawn."""
    return draw_splits("facts", settings, draw_item)


def draw_item(draw: random.Random, reserved: bool) -> Example:
    """Draw one question with its four options as choices."""
    question = draw_question(draw, draw.choice(asked_facts(reserved)), reserved)
    choices = [f" {option}" for option in question.options]
    gold = question.options.index(question.fact.value)
    return Example("", question.prompt, choices[gold], choices=choices, gold=gold)
