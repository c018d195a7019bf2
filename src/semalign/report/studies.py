"""The studies with pages in the documentation: what each asks, where it holds, and what limits it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Study:
    """Fixed texts about a study; every number comes from its tables."""

    question: str
    scope: str  # the setting in which the result holds, at the start of a sentence
    reservation: str  # the main limit, after the computed ones
    correction: str = (
        ""  # the method that is to do what the method under study does not; a takeaway of its own
    )


# in the order of the index
STUDIES: Mapping[str, Study] = {
    "tiny-full": Study(
        "Which methods move knowledge from a very small teacher to a smaller student, and does SemAlign?",
        "On two very small models trained from scratch on generated text (study tiny-full)",
        "toy models and generated tasks, so that nothing follows for large models",
        "semantic-residual",
    ),
    "targets": Study(
        "What must the target of a steered layer be, and does it then do as well as fine-tuning and distillation?",
        "On two very small models trained from scratch on generated text (study targets)",
        "toy models and generated tasks, so that nothing follows for large models",
        "semantic-residual",
    ),
    "labels": Study(
        "Does the teacher add anything that labels do not: if labels are wrong, or if there are none?",
        "On two very small models trained from scratch on generated text (study labels)",
        "wrong answers are drawn from the right answers of other examples; people err in other ways",
    ),
    "pruned": Study(
        "A real model is cut down and healed by the whole one: what can methods recover that train one layer?",
        "On a real small model and a pruned form of it (study pruned)",
        "few examples and one layer of a small model",
        "semantic-residual",
    ),
    "real": Study(
        "Do token vectors carry the hidden states of a real model, in every layer?",
        "On one real small model (study real)",
        "nothing is trained, so that it says nothing of what steering does",
    ),
    "real-benchmarks": Study(
        "What does a real model score on published benchmarks, and is it what others report?",
        "On one real small model (study real-benchmarks)",
        "with so few items an interval contains almost any published score of such a model",
    ),
}
UNKNOWN = Study("", "", "")
