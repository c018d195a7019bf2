"""Knowledge: made-up words, each with a kind, a colour and a place."""

import random
from dataclasses import dataclass
from functools import lru_cache

from semalign.tiny.document import Document, is_reserved

WORDS = 200
OPTIONS = 4
VALUES = {
    "kind": ("bird", "fish", "tree", "tool", "fruit", "stone", "dance", "drink"),
    "colour": ("red", "blue", "green", "black", "white", "yellow", "brown", "pink"),
    "place": ("cave", "lake", "desert", "forest", "island", "market", "tower", "hill"),
}
PREDICATES = {"kind": "is a {}", "colour": "is {}", "place": "is from the {}"}
TAKEN = {"has", "get", "him", "her", "sum", "max", "min", "len", "not", "for", "bag", "box", "pen", "cup", "hat", "def"}


@dataclass(frozen=True)
class Fact:
    """`word` has `value` as its `attribute`."""

    word: str
    attribute: str
    value: str

    @property
    def predicate(self) -> str:
        """What is said of the word, such as "is a bird"."""
        return PREDICATES[self.attribute].format(self.value)


@dataclass(frozen=True)
class Question:
    """Which of four words a fact is true of."""

    fact: Fact
    options: tuple[str, ...]

    @property
    def prompt(self) -> str:
        """The question in the benchmark's phrasing."""
        return f"Which of these {self.fact.predicate}? Options: {', '.join(self.options)}\nAnswer:"


@lru_cache(maxsize=1)
def world() -> tuple[Fact, ...]:
    """All facts; the world is one and the same for every model and benchmark."""
    draw = random.Random("world")
    sounds = [a + b + c for a in "bdfgklmnprstvwz" for b in "aeiou" for c in "bdfgklmnprtxz"]
    words = draw.sample([sound for sound in sounds if sound not in TAKEN], WORDS)
    return tuple(
        Fact(word, attribute, draw.choice(values)) for word in words for attribute, values in VALUES.items()
    )


@lru_cache(maxsize=1)
def values_of() -> dict[tuple[str, str], str]:
    """(word, attribute) -> value."""
    return {(fact.word, fact.attribute): fact.value for fact in world()}


@lru_cache(maxsize=2)
def asked_facts(kept: bool) -> tuple[Fact, ...]:
    """The half of the facts that validation and test ask for, or the half that the other splits do."""
    facts = list(world())
    random.Random("asked").shuffle(facts)
    return tuple(facts[: len(facts) // 2] if kept else facts[len(facts) // 2 :])


@lru_cache(maxsize=None)
def _others(attribute: str, value: str) -> tuple[str, ...]:
    """The words of which the fact's predicate is false."""
    return tuple(f.word for f in world() if f.attribute == attribute and f.value != value)


def draw_question(draw: random.Random, fact: Fact, reserved: bool) -> Question:
    """A question about `fact`, of the kept or of the open ones."""
    while True:
        options = [fact.word, *draw.sample(_others(fact.attribute, fact.value), OPTIONS - 1)]
        draw.shuffle(options)
        question = Question(fact, tuple(options))
        if is_reserved(question.prompt) == reserved:
            return question


def benchmark_document(draw: random.Random) -> Document:
    """A question as the benchmark asks it."""
    question = draw_question(draw, draw.choice(world()), reserved=False)
    return Document((question.prompt, f" {question.fact.word}"))


def reworded_document(draw: random.Random) -> Document:
    """A few facts said or asked in other ways."""
    parts: list[str] = []
    for fact in draw.sample(world(), 4):
        asked = {"kind": "sort", "colour": "colour", "place": "home"}[fact.attribute]
        if draw.random() < 0.5:
            parts += [f" The {asked} of {fact.word} is", f" {fact.value}."]
        else:
            shown = fact.value if draw.random() < 0.5 else draw.choice(VALUES[fact.attribute])
            parts += [f" Has {fact.word} the {asked} {shown}?", " Yes." if shown == fact.value else " No."]
    return Document(tuple(parts))


def statement_document(draw: random.Random) -> Document:
    """All that is known of two words."""
    parts: list[str] = []
    for fact in draw.sample(world(), 2):
        start = f" {fact.word}"
        for attribute in VALUES:
            value = values_of()[fact.word, attribute]
            head, _, _ = PREDICATES[attribute].partition("{}")
            parts += [f"{start} {head.strip()}", f" {value}"]
            start = ","
        parts.append(".")
        parts.append("")
    return Document(tuple(parts))
