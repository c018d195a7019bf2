"""What a check may do with an input: accept it, or refuse it in lines that a user can act on."""

from collections.abc import Callable
from typing import TypeVar

from semalign.runtime.errors import UserError

T = TypeVar("T")
LONGEST = 1500  # characters of a line; some list the known names


def accepted(check: Callable[[], T]) -> T | None:
    """The result of a check, or None if it refuses its input; any other exception is an error of ours."""
    try:
        return check()
    except UserError as error:
        assert_clear(error.lines)
        return None


def assert_clear(lines: list[str] | tuple[str, ...]) -> None:
    """Assert that every problem is one printable line of a bearable length, with a place and a reason."""
    assert lines
    for line in lines:
        assert 10 < len(line) < LONGEST, line
        assert line.isprintable(), repr(line)
        assert ":" in line, line
        for word in ("Traceback", "<class", "object at 0x", "NoneType", "pydantic", "discriminator"):
            assert word not in line, line
