"""The studies with pages in the documentation: what each asks, where it holds, and what limits it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Study:
    """Fixed texts about a study; every number comes from its tables."""

    question: str
    scope: str  # the setting in which the result holds, at the start of a sentence
    reservation: str  # the main limit, after the computed ones


# in the order of the index
STUDIES: Mapping[str, Study] = {
    "tiny-full": Study(
        "Which methods move knowledge from a very small teacher to a smaller student, and does SemAlign?",
        "On two very small models trained from scratch on generated text (study tiny-full)",
        "toy models and generated tasks, so that nothing follows for large models",
    ),
    "pruned": Study(
        "A real model is cut down and healed by the whole one: what can the methods recover of the rest?",
        "On a real small model and a pruned form of it (study pruned)",
        "GSM8K problems are scored twice, so that intervals of the mixture are slightly too narrow",
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
