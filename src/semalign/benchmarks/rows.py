"""The rows of a user's own file: each is checked by its kind and becomes an item."""

import ast
import difflib
import keyword
import warnings
from collections.abc import Sequence
from typing import Any

from semalign.benchmarks.base import Example
from semalign.benchmarks.characters import harmful
from semalign.benchmarks.findings import Findings
from semalign.benchmarks.joining import CODE_SEPARATOR, SEPARATOR, at_the_space, separated
from semalign.benchmarks.lines import Row, kind_of

KEYS: dict[str, tuple[type, ...]] = {
    "id": (str, int),
    "prompt": (str,),
    "answer": (str,),
    "choices": (list,),
    "gold": (int,),
    "target": (str,),
    "tests": (list,),
    "entry_point": (str,),
    "prefix": (str,),
}
EXPECTED = {str: "a string", int: "a whole number", list: "a list"}
SYNONYMS = {  # keys of other formats -> the key here
    "prompt": ("question", "input", "instruction", "query", "text", "context", "problem", "messages"),
    "answer": ("output", "response", "completion", "solution", "answers", "reference", "canonical_solution"),
    "choices": ("options", "endings", "alternatives"),
    "gold": ("label", "answer_index", "correct", "answer_idx", "index"),
    "tests": ("test", "test_list", "unit_tests", "asserts"),
    "entry_point": ("function", "function_name", "func"),
    "prefix": ("code", "setup"),
}
LONGEST = 1_000_000  # characters of a text
FENCE = "```"  # ends generated code


class Checker:
    """Checks one row; every problem of it goes to `findings`."""

    def __init__(self, findings: Findings, line: int, row: Row) -> None:
        self.findings = findings
        self.line = line
        self.row = row
        self.good = True

    def problem(self, kind: str, text: str | None = None) -> None:
        """Note a problem; `kind` is counted over rows."""
        self.good = False
        self.findings.add(self.line, kind, text or kind)

    def types(self) -> bool:
        """Whether all keys are known and hold values of their types."""
        for key, value in self.row.items():
            if key not in KEYS:
                self.problem(
                    f"unknown key {key!r}", f"found unknown key {key!r}, expected {_suggestion(key)}"
                )
            elif isinstance(value, bool) or not isinstance(value, KEYS[key]):
                expected = EXPECTED[KEYS[key][0]]
                advice = (
                    " (write it in quotes)" if isinstance(value, int | float) and KEYS[key][0] is str else ""
                )
                advice = " (leave the key out if a row has none)" if value is None else advice
                self.problem(
                    f"{key} of another type",
                    f"{key}: found {_shown(value)}, expected {expected}{advice}",
                )
        return self.good

    def strings(self) -> None:
        """Check every text for emptiness, length and characters that no text should hold."""
        for key in ("prompt", "answer"):
            if key not in self.row:
                self.problem(f"no {key}", f"found no {key}, expected a text")
        for key, value in self.row.items():
            if isinstance(value, str):
                self._string(key, value, empty=key == "prefix")
            elif isinstance(value, list):
                for at, entry in enumerate(value):
                    if isinstance(entry, str):
                        self._string(f"{key}[{at}]", entry, key=key)
                    else:
                        self.problem(
                            f"{key} that are no strings",
                            f"{key}[{at}]: found {_shown(entry)}, expected a string",
                        )

    def _string(self, name: str, value: str, empty: bool = False, key: str | None = None) -> None:
        key = key or name
        if not empty and not value.strip():
            found = "an empty text" if not value else "only white space"
            self.problem(f"{key} without a text", f"{name}: found {found}, expected a text")
        elif len(value) > LONGEST:
            self.problem(
                f"{key} too long", f"{name}: found {len(value):,} characters, expected at most {LONGEST:,}"
            )
        elif wrong := harmful(value):
            what, advice = wrong
            self.problem(f"{key} with such a character", f"{name}: found {what}; {advice}")

    def kind(self) -> None:
        """Check that the keys belong together, and the row's choices or tests."""
        for key, needed in (("gold", "choices"), ("entry_point", "tests"), ("prefix", "tests")):
            if key in self.row and needed not in self.row:
                self.problem(
                    f"{key} without {needed}", f"found {key} without {needed}, expected it with {needed} only"
                )
        for first, second in (("choices", "tests"), ("choices", "target"), ("tests", "target")):
            if first in self.row and second in self.row:
                self.problem(
                    f"{first} and {second}",
                    f"found {first} and {second}, expected one of them: each is a way to score",
                )

    def choices(self, prompt: str, texts: Sequence[str], choices: Sequence[str]) -> int:
        """The index of the right choice; `texts` are the choices as written, `choices` as continuations."""
        gold = self.row.get("gold")
        stripped = [text.strip() for text in texts]
        answer = self.row["answer"]
        if len(texts) < 2:
            self.problem("too few choices", f"choices: found {len(texts)}, expected at least two")
        elif repeated := next((text for text in stripped if stripped.count(text) > 1), None):
            self.problem("equal choices", f"choices: found {repeated!r} twice, expected choices that differ")
        elif len({text[:1].isspace() for text in texts}) > 1 and len({_blank(text) for text in choices}) > 1:
            self.problem(
                "choices with and without white space",
                "choices: found some that begin with white space and some that do not, expected all alike",
            )
        elif gold is not None and not 0 <= gold < len(texts):
            self.problem(
                "gold out of range", f"gold: found {gold}, expected an index from 0 to {len(texts) - 1}"
            )
        elif separated(prompt, answer) not in [separated(prompt, text) for text in texts]:
            near = " (it differs only in white space)" if answer.strip() in stripped else ""
            self.problem(
                "answer not among the choices",
                f"answer: found {_short(answer)}, which is none of the choices{near}; expected one of them exactly",
            )
        elif gold is not None and separated(prompt, texts[gold]) != separated(prompt, answer):
            self.problem(
                "answer that is not the choice at gold",
                f"answer: found {_short(answer)}, but the choice at gold ({gold}) is {_short(texts[gold])}; "
                "expected the same",
            )
        else:
            return [separated(prompt, text) for text in texts].index(separated(prompt, answer))
        return 0

    def program(self, prompt: str, answer: str) -> None:
        """Check that tests and reference are Python, and that the entry point is a name in them."""
        tests: list[str] = self.row["tests"]
        if not tests:
            self.problem("no tests", "tests: found an empty list, expected assert statements")
        if wrong := _unparsable("\n".join(tests)):
            at, wrong = next(
                ((at, why) for at, test in enumerate(tests) if (why := _unparsable(test))), (0, wrong)
            )
            self.problem(
                "tests that are not Python", f"tests[{at}]: found no Python ({wrong}), expected a test"
            )
        prefix = self.row.get("prefix", "")
        code = prefix + answer.partition(FENCE)[0]
        if reason := _unparsable(code):
            self.problem(
                "answer that is not Python",
                f"answer: found no Python after the prefix ({reason}), expected code that can pass the tests",
            )
        self._entry_point(code, tests)

    def _entry_point(self, code: str, tests: Sequence[str]) -> None:
        name = self.row.get("entry_point")
        if name is None:
            return
        if not name.isidentifier() or keyword.iskeyword(name):
            self.problem(
                "entry_point that is no name",
                f"entry_point: found {_short(name)}, expected the name of a function",
            )
        elif name not in code:
            self.problem(
                "entry_point that nothing defines",
                f"entry_point: found {name!r}, which neither prefix nor answer defines",
            )


def item_of(
    findings: Findings, line: int, row: Row, number: int, separator: str | None = None
) -> Example | None:
    """The item of a row (the file's `number`-th); None if it has a problem, which goes to `findings`."""
    if separator is None:
        separator = CODE_SEPARATOR if "tests" in row else SEPARATOR
    check = Checker(findings, line, row)
    if not check.types():
        return None
    check.strings()
    check.kind()
    if not check.good:
        return None
    fields: dict[str, Any] = {**row, "id": str(row.get("id", f"{number:04}"))}
    prompt, answer = row["prompt"], row["answer"]
    if "tests" in row:
        fields["answer"] = separated(prompt, answer, separator)
        check.program(prompt, fields["answer"])
    elif "choices" in row:
        continuations = [separated(prompt, choice, separator) for choice in row["choices"]]
        fields["gold"] = check.choices(prompt, row["choices"], continuations)
        fields["prompt"], fields["choices"] = at_the_space(prompt, continuations)
        fields["answer"] = fields["choices"][fields["gold"]] if check.good else ""
    else:
        fields["prompt"], [fields["answer"]] = at_the_space(prompt, [separated(prompt, answer, separator)])
        fields["target"] = str(row.get("target", answer)).strip()
    return Example(**fields) if check.good else None


def kind_of_row(row: Row) -> str:
    """The kind of item by which a row is scored."""
    return "choices" if "choices" in row else "tests" if "tests" in row else "neither choices nor tests"


def _suggestion(key: str) -> str:
    plain = key.strip().lower()
    synonym = next((ours for ours, others in SYNONYMS.items() if plain in others), None)
    near = plain if plain in KEYS else synonym or next(iter(difflib.get_close_matches(plain, KEYS, 1)), None)
    known = f"some of {', '.join(KEYS)}"
    return f"{near!r} ({known})" if near else known


def _unparsable(code: str) -> str | None:
    """Why a text is no Python; None if it is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(code)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return str(error) or type(error).__name__
    return None


def _blank(text: str) -> str:
    return text[: len(text) - len(text.lstrip())]


def _shown(value: Any) -> str:
    """A value in words, and the value itself if it is short."""
    text = "" if value is None or isinstance(value, list | dict) else f" ({_short(value)})"
    return f"{kind_of(value)}{text}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
