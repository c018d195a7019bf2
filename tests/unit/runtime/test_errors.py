"""Errors with one line per problem, and the collection of several."""

import pytest

from semalign.runtime.errors import Problems, UserError


def test_every_problem_is_one_line() -> None:
    error = UserError("a: found 1, expected 2", "b: found 3, expected 4", "a: found 1, expected 2")
    assert error.report() == "error: a: found 1, expected 2\nerror: b: found 3, expected 4"
    assert str(error) == "a: found 1, expected 2\nb: found 3, expected 4"


def test_all_problems_are_raised_together() -> None:
    problems = Problems()
    problems.check()
    with problems.collect():
        raise UserError("first", "second")
    problems.add("third")
    with pytest.raises(UserError) as raised:
        problems.check()
    assert raised.value.lines == ("first", "second", "third")


def test_other_errors_are_not_collected() -> None:
    with pytest.raises(ZeroDivisionError), Problems().collect():
        raise ZeroDivisionError
