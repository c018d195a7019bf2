"""Knowledge: made-up words, each with a kind, a colour and a home."""

import random
from dataclasses import dataclass
from functools import lru_cache

from semalign.benchmarks.tiny.document import Document, is_reserved

WORDS = 300
OPTIONS = 4
VALUES = {
    "kind": ("bird", "fish", "tree", "tool", "fruit", "stone", "dance", "drink"),
    "colour": ("red", "blue", "green", "black", "white", "yellow", "brown", "pink"),
    "home": ("cave", "lake", "desert", "forest", "island", "market", "tower", "hill"),
}
ATTRIBUTES = tuple(VALUES)
TAKEN = {"has", "get", "sum", "max", "min", "len", "for", "red", "pen", "cup", "hat", "def", "run", "nut"}


@dataclass(frozen=True)
class Fact:
    """`word` has `value` as its `attribute`."""

    word: str
    attribute: str
    value: str


@dataclass(frozen=True)
class Question:
    """A fact, and four values to choose from."""

    fact: Fact
    options: tuple[str, ...]

    @property
    def prompt(self) -> str:
        """The question in the benchmark's phrasing."""
        options = ", ".join(self.options)
        return f"Question: What is the {self.fact.attribute} of {self.fact.word}? Options: {options}\nAnswer:"


@lru_cache(maxsize=1)
def world() -> tuple[Fact, ...]:
    """All facts, word by word; they are the same for every model and benchmark."""
    draw = random.Random("world")
    sounds = [a + b + c for a in "bdfgklmnprstvwz" for b in "aeiou" for c in "bdfgklmnprtxz"]
    words = draw.sample([sound for sound in sounds if sound not in TAKEN], WORDS)
    return tuple(
        Fact(word, attribute, draw.choice(VALUES[attribute])) for word in words for attribute in ATTRIBUTES
    )


@lru_cache(maxsize=2)
def asked_facts(kept: bool) -> tuple[Fact, ...]:
    """The half of the facts that validation and test ask for (`kept`), or the half for the other splits."""
    facts = list(world())
    random.Random("asked").shuffle(facts)
    return tuple(facts[: len(facts) // 2] if kept else facts[len(facts) // 2 :])


def draw_question(draw: random.Random, fact: Fact, reserved: bool) -> Question:
    """Draw a question about `fact`, from the reserved ones or from the others."""
    wrong = [value for value in VALUES[fact.attribute] if value != fact.value]
    while True:
        options = [fact.value, *draw.sample(wrong, OPTIONS - 1)]
        draw.shuffle(options)
        question = Question(fact, tuple(options))
        if is_reserved(question.prompt) == reserved:
            return question


def benchmark_document(draw: random.Random) -> Document:
    """A question as the benchmark asks it."""
    question = draw_question(draw, draw.choice(world()), reserved=False)
    return Document((question.prompt, f" {question.fact.value}"))


def reworded_document(draw: random.Random) -> Document:
    """One fact, in one of two phrasings."""
    fact = draw.choice(world())
    if draw.random() < 0.5:
        return Document((f" {fact.word} has {fact.attribute}", f" {fact.value}."))
    return Document((f" the {fact.attribute} of {fact.word} is", f" {fact.value}."))


def drill_document(draw: random.Random) -> Document:
    """All facts about four words."""
    parts: list[str] = []
    for start in draw.sample(range(0, len(world()), len(ATTRIBUTES)), 4):
        kind, colour, home = world()[start : start + len(ATTRIBUTES)]
        parts += [f" {kind.word} is a", f" {colour.value} {kind.value} from the {home.value}."]
    return Document(tuple(parts))
