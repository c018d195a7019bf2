"""Word problems of one or two steps over small numbers."""

import random
from dataclasses import dataclass

from semalign.benchmarks.tiny.document import Document, is_reserved

NAMES = ("Tom", "Ann", "Ben", "Eva", "Max", "Mia", "Leo", "Zoe", "Sam", "Ida", "Jon", "Kim")
THINGS = ("pens", "cups", "hats", "nuts", "coins", "books", "stamps", "shells", "cards", "eggs")
STORY = {"+": ("gets {} more", "finds {} more"), "-": ("loses {}", "gives away {}")}
WORDS = {"+": "plus", "-": "minus", "*": "times"}


def apply(operation: str, value: int, operand: int) -> int:
    """The result of one step."""
    return {"+": value + operand, "-": value - operand, "*": value * operand}[operation]


@dataclass(frozen=True)
class Problem:
    """A word problem: the question is the value of `start` after each step (operation, operand, choice of verb)."""

    name: str
    thing: str
    start: int
    steps: tuple[tuple[str, int, int], ...]

    @property
    def results(self) -> tuple[int, ...]:
        """The value after each step."""
        value = self.start
        values = []
        for operation, operand, _ in self.steps:
            value = apply(operation, value, operand)
            values.append(value)
        return tuple(values)

    @property
    def equations(self) -> str:
        """The steps written out, such as "7 + 5 = 12, 12 - 3 = 9"."""
        befores = (self.start, *self.results)
        return ", ".join(
            f"{before} {operation} {operand} = {result}"
            for before, (operation, operand, _), result in zip(
                befores, self.steps, self.results, strict=False
            )
        )

    @property
    def prompt(self) -> str:
        """The problem in the benchmark's phrasing."""
        return f"Question: {' '.join(self._sentences())} How many {self.thing} has {self.name}?\nAnswer:"

    @property
    def answer(self) -> str:
        """The solution in the benchmark's phrasing; the result comes after ####."""
        return f" {self.equations} #### {self.results[-1]}"

    def _sentences(self) -> list[str]:
        operation, operand, _ = self.steps[0]
        boxes = operation == "*"
        first = f"{operand} boxes of {self.start}" if boxes else f"{self.start}"
        sentences = [f"{self.name} has {first} {self.thing}."]
        for operation, operand, verb in self.steps[boxes:]:
            sentences.append(f"{self.name} {STORY[operation][verb].format(operand)}.")
        return sentences


def draw_problem(draw: random.Random, reserved: bool) -> Problem:
    """Draw a problem, from the reserved ones or from the others."""
    while True:
        problem = Problem(draw.choice(NAMES), draw.choice(THINGS), *_draw_steps(draw))
        if is_reserved(problem.prompt) == reserved:
            return problem


def _draw_steps(draw: random.Random) -> tuple[int, tuple[tuple[str, int, int], ...]]:
    operation = draw.choice("+-*")
    if operation == "*":
        start = draw.randint(2, 6)
        operand = draw.randint(2, 6)
        value = start * operand
    elif operation == "+":
        start = draw.randint(2, 12)
        operand = draw.randint(2, 12)
        value = start + operand
    else:
        start = draw.randint(4, 20)
        operand = draw.randint(2, min(12, start - 1))
        value = start - operand
    steps = [(operation, operand, draw.randrange(2))]
    if draw.random() < 0.4:
        second = draw.choice("+-") if value > 5 else "+"
        steps.append((second, draw.randint(2, 5), draw.randrange(2)))
    return start, tuple(steps)


def benchmark_document(draw: random.Random) -> Document:
    """A word problem as the benchmark asks it."""
    problem = draw_problem(draw, reserved=False)
    return Document((problem.prompt, problem.answer))


def reworded_document(draw: random.Random) -> Document:
    """The steps of a problem in words, or in another phrasing."""
    problem = draw_problem(draw, reserved=False)
    if draw.random() < 0.5:
        text = f"Work out {problem.start}"
        for operation, operand, _ in problem.steps:
            text += f" {WORDS[operation]} {operand}"
        return Document((text, f": {problem.equations}\n"))
    text = f"{problem.thing} of {problem.name}: {problem.start}"
    for operation, operand, verb in problem.steps:
        text += f", {STORY[operation][verb].format(operand)}" if operation != "*" else f" in {operand} boxes"
    return Document((text, f". So {problem.equations}\n"))


def drill_document(draw: random.Random) -> Document:
    """Bare equations, as they occur in the steps of problems."""
    parts: list[str] = []
    for _ in range(6):
        start, steps = _draw_steps(draw)
        before = start
        equations = []
        for operation, operand, _ in steps:
            result = apply(operation, before, operand)
            equations.append((f" {before} {operation} {operand} =", f" {result}."))
            before = result
        parts += equations[-1]
    return Document(tuple(parts))
