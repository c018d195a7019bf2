"""The operations that the embedded programs are made of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["number", "list", "text"]


@dataclass(frozen=True)
class Operation:
    """One step of a program: its phrasings, its code, and the types of its input and output.

    In `rest`, `short` and `code`, {v} is the variable and {k} the constant, if there is one.
    """

    verb: str
    rest: str
    short: str
    code: str
    takes: Kind
    gives: Kind
    compute: Callable[[Any, int], Any]

    @property
    def order(self) -> str:
        """The phrasing of a docstring: "multiply x by 3"."""
        return f"{self.verb} {self.rest}"

    @property
    def tells(self) -> str:
        """The phrasing of a description: "multiplies x by 3"."""
        verb = self.verb.removesuffix("y") + "ies" if self.verb.endswith("y") else f"{self.verb}s"
        return f"{verb} {self.rest}"

    @property
    def has_constant(self) -> bool:
        """Whether its code contains {k}."""
        return "{k}" in self.code


OPERATIONS = (
    Operation("add", "{k} to {v}", "{v} plus {k}", "{v} + {k}", "number", "number", lambda v, k: v + k),
    Operation(
        "subtract", "{k} from {v}", "{v} minus {k}", "{v} - {k}", "number", "number", lambda v, k: v - k
    ),
    Operation("multiply", "{v} by {k}", "{v} times {k}", "{v} * {k}", "number", "number", lambda v, k: v * k),
    Operation("divide", "{v} by {k}", "{v} over {k}", "{v} // {k}", "number", "number", lambda v, k: v // k),
    Operation("square", "{v}", "square of {v}", "{v} * {v}", "number", "number", lambda v, k: v * v),
    Operation("negate", "{v}", "negative of {v}", "-{v}", "number", "number", lambda v, k: -v),
    Operation("sum", "{v}", "total of {v}", "sum({v})", "list", "number", lambda v, k: sum(v)),
    Operation("count", "{v}", "size of {v}", "len({v})", "list", "number", lambda v, k: len(v)),
    Operation("find", "the largest of {v}", "top of {v}", "max({v})", "list", "number", lambda v, k: max(v)),
    Operation(
        "find", "the smallest of {v}", "bottom of {v}", "min({v})", "list", "number", lambda v, k: min(v)
    ),
    Operation("sort", "{v}", "{v} in order", "sorted({v})", "list", "list", lambda v, k: sorted(v)),
    Operation("reverse", "{v}", "{v} backwards", "{v}[::-1]", "list", "list", lambda v, k: v[::-1]),
    Operation(
        "repeat", "{v} {k} times", "{k} copies of {v}", "{v} * {k}", "list", "list", lambda v, k: v * k
    ),
    Operation("reverse", "{v}", "{v} backwards", "{v}[::-1]", "text", "text", lambda v, k: v[::-1]),
    Operation(
        "repeat", "{v} {k} times", "{k} copies of {v}", "{v} * {k}", "text", "text", lambda v, k: v * k
    ),
    Operation("capitalize", "{v}", "big {v}", "{v}.upper()", "text", "text", lambda v, k: v.upper()),
    Operation("measure", "{v}", "length of {v}", "len({v})", "text", "number", lambda v, k: len(v)),
)
