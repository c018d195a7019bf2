"""Checks of choice questions and programming tasks in a user's own file."""

import ast
import keyword
import warnings
from collections.abc import Sequence

from semalign.benchmarks.joining import separated
from semalign.benchmarks.overlap import composed
from semalign.benchmarks.row_checks import Checker, short

FENCE = "```"  # ends generated code


def check_choices(check: Checker, prompt: str, texts: Sequence[str], choices: Sequence[str]) -> int:
    """The index of the right choice; `texts` are the choices as written, `choices` as continuations."""
    gold = check.row.get("gold")
    stripped = [composed(text.strip()) for text in texts]
    key = check.form.answer
    answer = check.row[key]
    if len(texts) < 2:
        check.problem("too few choices", f"choices: found {len(texts)}, expected at least two")
    elif repeated := next((text for text in stripped if stripped.count(text) > 1), None):
        check.problem("equal choices", f"choices: found {repeated!r} twice, expected choices that differ")
    elif len({text[:1].isspace() for text in texts}) > 1 and len({_blank(text) for text in choices}) > 1:
        check.problem(
            "choices with and without white space",
            "choices: found some that begin with white space and some that do not, expected all alike",
        )
    elif len({_ending(text) for text in texts}) > 1:
        check.problem(
            "choices with and without white space at the end",
            "choices: found some that end in white space and some that do not, expected all alike",
        )
    elif gold is not None and not 0 <= gold < len(texts):
        check.problem(
            "gold out of range", f"gold: found {gold}, expected an index from 0 to {len(texts) - 1}"
        )
    elif separated(prompt, answer) not in [separated(prompt, text) for text in texts]:
        near = " (it differs only in white space)" if answer.strip() in stripped else ""
        check.problem(
            "answer not among the choices",
            f"{key}: found {short(answer)}, which is none of the choices{near}; expected one of them exactly",
        )
    elif gold is not None and separated(prompt, texts[gold]) != separated(prompt, answer):
        check.problem(
            "answer that is not the choice at gold",
            f"{key}: found {short(answer)}, but the choice at gold ({gold}) is {short(texts[gold])}; "
            "expected the same",
        )
    else:
        return [separated(prompt, text) for text in texts].index(separated(prompt, answer))
    return 0


def check_program(check: Checker, answer: str) -> None:
    """Check that tests and reference are Python, and that the entry point is a name in them."""
    tests: list[str] = check.row["tests"]
    key = check.form.answer
    if not tests:
        check.problem("no tests", "tests: found an empty list, expected assert statements")
    if wrong := _unparsable("\n".join(tests)):
        at, wrong = next(
            ((at, why) for at, test in enumerate(tests) if (why := _unparsable(test))), (0, wrong)
        )
        check.problem("tests that are not Python", f"tests[{at}]: found no Python ({wrong}), expected a test")
    elif tests and (vain := _vain(tests, check.row.get("prefix", "") + answer)):
        check.problem(
            "tests that no program fails",
            f"tests: {vain}, so that wrong programs pass; expected `assert f(1) == 2`",
        )
    prefix = check.row.get("prefix", "")
    code = prefix + (answer if _unparsable(prefix + answer) is None else answer.partition(FENCE)[0])
    if answer.lstrip().startswith(FENCE):
        check.problem(
            "answer in a Markdown fence",
            f"{key}: found a Markdown fence ({FENCE}) around the program, expected the program alone",
        )
        return
    if reason := _unparsable(code):
        check.problem(
            "answer that is not Python",
            f"{key}: found no Python after the prefix ({reason}), expected code that can pass the tests",
        )
    _entry_point(check, code)


def _entry_point(check: Checker, code: str) -> None:
    name = check.row.get("entry_point")
    if name is None:
        return
    if not name.isidentifier() or keyword.iskeyword(name):
        check.problem(
            "entry_point that is no name",
            f"entry_point: found {short(name)}, expected the name of a function",
        )
    elif name not in code:
        check.problem(
            "entry_point that nothing defines",
            f"entry_point: found {name!r}, which neither prefix nor answer defines",
        )


def _vain(tests: Sequence[str], program: str) -> str | None:
    """Why tests hold whatever a program returns; None if nothing says so."""
    if not any(word in text for text in (*tests, program) for word in ("assert", "raise")):
        return "found no assertion"
    found = [node for test in tests for node in ast.walk(_parsed(test)) if isinstance(node, ast.Assert)]
    constant = [node for node in found if isinstance(node.test, ast.Constant) and node.test.value]
    pairs = [node for node in found if isinstance(node.test, ast.Tuple) and node.test.elts]
    if pairs:
        return f"found an assertion about a pair, which always holds (`{ast.unparse(pairs[0])[:50]}`)"
    return "found only assertions that always hold" if found and len(constant) == len(found) else None


def _parsed(code: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(code)


def _unparsable(code: str) -> str | None:
    """Why a text is no Python; None if it is."""
    try:
        _parsed(code)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return str(error) or type(error).__name__
    return None


def _ending(text: str) -> str:
    return text[len(text.rstrip()) :]


def _blank(text: str) -> str:
    return text[: len(text) - len(text.lstrip())]
