"""What a subject of the suite is made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Size = Mapping[str, Any]


@dataclass(frozen=True)
class Check:
    """Whether both sides gave the same: what was compared, the value found and the most it may be."""

    what: str
    value: float
    limit: float

    @property
    def passed(self) -> bool:
        """Not-a-number fails too."""
        return self.value <= self.limit


@dataclass(frozen=True)
class Sides:
    """The work of one case, each side a function without arguments that gives its outcome.

    `theirs` is None where there is nothing to compare with but the goal. `check` is given both outcomes. `work`
    is how much each side does, in the subject's unit, for a rate. `notes` are further facts, taken after timing.
    """

    ours: Callable[[], Any]
    theirs: Callable[[], Any] | None
    check: Callable[[Any, Any], Check]
    work: float | None = None
    notes: Callable[[], dict[str, Any]] | None = None


@dataclass(frozen=True)
class Goal:
    """What was set out for: times faster, share of the memory, most seconds, least units of work a second."""

    faster: float | None = None
    memory: float | None = None
    seconds: float | None = None
    rate: float | None = None

    def in_words(self, unit: str) -> str:
        """The goal as the table says it."""
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

    `warm` lets a first, unmeasured run of both sides feed the check; without it the check's runs are measured too,
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

    `cases` stand by suite: `cpu`, `cuda`, and `quick` for tests. `build` gets a case's size and the device.
    `explanation` says by suite why a goal is missed, and is told where one is.
    """

    what: str
    against: str
    cases: Mapping[str, tuple[Case, ...]]
    build: Callable[[Size, str], Sides]
    unit: str = ""
    explanation: Mapping[str, str] = field(default_factory=dict)
