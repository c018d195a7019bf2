"""Errors that a user can cause; scripts report each in one line, without a traceback."""

import contextlib
from collections.abc import Iterator


class UserError(Exception):
    """One line per problem, which a user can act on: key or file, what was found, what was expected."""

    def __init__(self, *lines: str) -> None:
        super().__init__(*dict.fromkeys(lines))

    @property
    def lines(self) -> tuple[str, ...]:
        """The problems, one line each."""
        return self.args

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def report(self) -> str:
        """The text to print: `error: ` and a problem per line."""
        return "\n".join(f"error: {line}" for line in self.lines)


class Problems:
    """Collects problems of independent checks, so that a user sees all of them at once.

    with problems.collect():  # an error is kept, and the next check runs
        check_models(study)
    problems.check()  # raises UserError with all of them
    """

    def __init__(self) -> None:
        self.lines: list[str] = []

    @contextlib.contextmanager
    def collect(self) -> Iterator[None]:
        """Keep the problems of a UserError that is raised inside, instead of raising it."""
        try:
            yield
        except UserError as error:
            self.lines += error.lines

    def add(self, *lines: str) -> None:
        """Add problems that a check has found."""
        self.lines += lines

    def check(self) -> None:
        """Raise UserError with all problems in their order, if there are any."""
        if self.lines:
            raise UserError(*self.lines)
