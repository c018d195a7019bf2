"""Small Python functions: one or two operations on a number, a list or a string."""

import random
from dataclasses import dataclass
from typing import Any

from semalign.benchmarks.tiny.document import Document, is_reserved
from semalign.benchmarks.tiny.operations import OPERATIONS, Kind, Operation

ARGUMENTS: dict[Kind, str] = {"number": "x", "list": "xs", "text": "s"}
NAMES = (
    "alpha", "beta", "gamma", "delta", "omega", "sigma", "kappa", "theta", "solve", "apply", "change", "work",
    "step", "task", "run", "make", "turn", "build", "form", "shape", "use", "go", "play", "move",
)  # fmt: skip
CONSTANTS = range(2, 10)
COMPLETION_TWO_STEPS = 0.5  # share of programs with two steps
SYNTHESIS_TWO_STEPS = 0.4  # writing the whole function is harder


@dataclass(frozen=True)
class Program:
    """A function of one argument: the (operation, constant) of each step, in order."""

    name: str
    steps: tuple[tuple[Operation, int], ...]

    @property
    def argument(self) -> str:
        """The argument's name, which depends on its type."""
        return ARGUMENTS[self.steps[0][0].takes]

    @property
    def signature(self) -> str:
        """The line before the body."""
        return f"def {self.name}({self.argument}):"

    @property
    def body(self) -> str:
        """The indented lines, each after a line break."""
        codes = self._worded("code")
        lines = [
            f"{ARGUMENTS[operation.gives]} = {code}"
            for code, (operation, _) in zip(codes[:-1], self.steps, strict=False)
        ]
        return "".join(f"\n    {line}" for line in [*lines, f"return {codes[-1]}"])

    @property
    def docstring(self) -> str:
        """Description of the function in the imperative."""
        orders = ", then ".join(self._worded("order"))
        return f"{orders[0].upper()}{orders[1:]}."

    @property
    def description(self) -> str:
        """Description of the function in the third person."""
        return " and then ".join(self._worded("tells"))

    @property
    def shorthand(self) -> str:
        """Paraphrase of the description."""
        return ", next ".join(self._worded("short"))

    @property
    def key(self) -> str:
        """A text that identifies the program under this name, whatever its phrasing."""
        return f"{self.name} {self.description}"

    def _worded(self, wording: str) -> list[str]:
        return [
            getattr(operation, wording).format(v=ARGUMENTS[operation.takes], k=constant)
            for operation, constant in self.steps
        ]

    def __call__(self, value: Any) -> Any:
        for operation, constant in self.steps:
            value = operation.compute(value, constant)
        return value


def draw_program(draw: random.Random, reserved: bool, two_steps: float) -> Program:
    """Draw a program, from the reserved ones or from the others; the share `two_steps` of them has two steps."""
    while True:
        kind: Kind = draw.choice(("number", "number", "list", "list", "text"))
        steps = []
        for _ in range(2 if draw.random() < two_steps else 1):
            operation = draw.choice([o for o in OPERATIONS if o.takes == kind])
            steps.append((operation, draw.choice(CONSTANTS) if operation.has_constant else 0))
            kind = operation.gives
        program = Program(draw.choice(NAMES), tuple(steps))
        if is_reserved(program.key) == reserved:
            return program


def completion_prompt(program: Program) -> str:
    """Signature and docstring."""
    return f'{program.signature}\n    """{program.docstring}"""'


def synthesis_prompt(program: Program) -> str:
    """The request for a whole function."""
    return f"Write a function {program.name} that {program.description}."


def completion_document(draw: random.Random) -> Document:
    """A function to complete, as the benchmark asks it."""
    program = draw_program(draw, reserved=False, two_steps=COMPLETION_TWO_STEPS)
    return Document((completion_prompt(program), program.body))


def synthesis_document(draw: random.Random) -> Document:
    """A function to write, as the benchmark asks it."""
    program = draw_program(draw, reserved=False, two_steps=SYNTHESIS_TWO_STEPS)
    return Document((synthesis_prompt(program), f"\n{program.signature}{program.body}"))


def reworded_document(draw: random.Random) -> Document:
    """A function below a comment that describes it in other words."""
    program = draw_program(draw, reserved=False, two_steps=0.4)
    comment = f"# function {program.name}: {program.shorthand}"
    if draw.random() < 0.5:
        return Document((f"{comment}\n{program.signature}", program.body))
    return Document((comment, f"\n{program.signature}{program.body}"))


def tests_of(program: Program, draw: random.Random, count: int = 5) -> list[str]:
    """Assert statements on random arguments."""
    tests: list[str] = []
    while len(tests) < count:
        value = _draw_value(draw, program.steps[0][0].takes)
        test = f"assert {program.name}({value!r}) == {program(value)!r}"
        if test not in tests:
            tests.append(test)
    return tests


def _draw_value(draw: random.Random, kind: Kind) -> Any:
    if kind == "number":
        return draw.randint(2, 40)
    if kind == "list":
        return [draw.randint(1, 30) for _ in range(draw.randint(3, 6))]
    return "".join(draw.choice("abcdefgh") for _ in range(draw.randint(3, 6)))
