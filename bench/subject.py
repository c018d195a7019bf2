"""The parts of a subject of the suite."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Size = Mapping[str, Any]


@dataclass(frozen=True)
class Check:
    """Whether both sides gave the same result: what was compared, the measured value and its upper limit."""

    what: str
    value: float
    limit: float

    @property
    def passed(self) -> bool:
        """Whether the value is within the limit; NaN fails too."""
        return self.value <= self.limit


@dataclass(frozen=True)
class Sides:
    """The work of one case; each side is a function without arguments that returns its outcome.

    `theirs` is None if the only comparison is with the goal. `check` is called with both outcomes. `work`
    is the amount of work of each side in the subject's unit, for a rate. `notes` returns further facts, after timing.
    """

    ours: Callable[[], Any]
    theirs: Callable[[], Any] | None
    check: Callable[[Any, Any], Check]
    work: float | None = None
    notes: Callable[[], dict[str, Any]] | None = None


@dataclass(frozen=True)
class Goal:
    """The goals of a case: minimal speed-up, maximal share of the memory, maximal seconds, minimal units per second."""

    faster: float | None = None
    memory: float | None = None
    seconds: float | None = None
    rate: float | None = None

    def in_words(self, unit: str) -> str:
        """The goal as text for the table."""
        parts = [
            f"at least {self.faster:g}x faster" if self.faster and self.faster > 1 else "",
            "not slower" if self.faster == 1 else "",
            f"at most {self.memory:g} of the memory" if self.memory else "",
            f"under {self.seconds:g} s" if self.seconds else "",
            f"at least {self.rate:g} {unit}/s" if self.rate else "",
        ]
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True)
class Case:
    """One row: its name, its size, how often each side runs, and whether memory is measured.

    With `warm` the check uses a first, unmeasured run of both sides. Without it the runs of the check are measured too,
    for sides that take long.
    """

    name: str
    size: Size
    repeats: int = 5
    warm: bool = True
    memory: bool = True
    goal: Goal = field(default_factory=Goal)


@dataclass(frozen=True)
class Subject:
    """A file of the suite: what is measured, against what, in which cases, and how a case is set up.

    `cases` maps a suite to its cases: `cpu`, `cuda`, and `quick` for tests. `build` gets a case's size and the device.
    `explanation` says, per suite, why a goal is missed; it is shown only if one is.
    """

    what: str
    against: str
    cases: Mapping[str, tuple[Case, ...]]
    build: Callable[[Size, str], Sides]
    unit: str = ""
    explanation: Mapping[str, str] = field(default_factory=dict)
