"""Knowledge by four-way choice, scored by log-likelihood: the embedded counterpart of MMLU.

A model can only know a fact it was told, so every fact asked for stands in the pretraining corpus. What is
kept from it is the question: no prompt of validation or test occurs there. A fact asked for in train, extract
or align is never one asked for in validation or test, so training cannot teach a test answer.
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
    """All splits; raises UserError when too many are asked for."""
    return draw_splits("facts", settings, draw_item)


def draw_item(draw: random.Random, reserved: bool) -> Example:
    """One question with its four options as choices."""
    question = draw_question(draw, draw.choice(asked_facts(reserved)), reserved)
    choices = [f" {option}" for option in question.options]
    gold = question.options.index(question.fact.value)
    return Example("", question.prompt, choices[gold], choices=choices, gold=gold)
