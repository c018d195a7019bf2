"""Checks that every row of a user's own file must pass: its keys, their types, and the characters of its texts."""

from typing import Any

from semalign.benchmarks.characters import harmful
from semalign.benchmarks.findings import Findings
from semalign.benchmarks.lines import Row, kind_of
from semalign.benchmarks.row_forms import TYPES, form_of, in_place_of, misspelt

EXPECTED = {str: "a string", int: "a whole number", list: "a list"}
LONGEST = 1_000_000  # characters of a text


class Checker:
    """Checks one row; every problem of it goes to `findings`."""

    def __init__(self, findings: Findings, line: int, row: Row) -> None:
        self.findings = findings
        self.line = line
        self.row = row
        self.form = form_of(row)
        self.good = True

    def problem(self, kind: str, text: str | None = None) -> None:
        """Note a problem; `kind` is counted over rows."""
        self.good = False
        self.findings.add(self.line, kind, text or kind)

    def types(self) -> bool:
        """Whether all keys that are read hold values of their types, and no other key is a misspelt one."""
        for key, value in self.row.items():
            if key not in self.form.read:
                if meant := misspelt(self.form, key):
                    self.problem(
                        f"unknown key {short(key)}", f"found unknown key {short(key)}, expected {meant!r}"
                    )
            elif value is None and key in self.form.optional:
                continue  # such as the `input` that `datasets` writes for a row without one
            elif isinstance(value, bool) or not isinstance(value, TYPES[key]):
                expected = EXPECTED[TYPES[key][0]]
                advice = (
                    " (write it in quotes)" if isinstance(value, int | float) and TYPES[key][0] is str else ""
                )
                advice = " (leave the key out if a row has none)" if value is None else advice
                if isinstance(value, str) and value.lstrip().startswith("["):
                    advice = " (in a table: as JSON, with double quotes; elsewhere: not in quotes)"
                self.problem(
                    f"{key} of another type",
                    f"{key}: found {_shown(value)}, expected {expected}{advice}",
                )
        return self.good

    def strings(self) -> None:
        """Check every text for emptiness, length and characters that no text should hold."""
        for key in self.form.needed:
            if key not in self.row:
                other = in_place_of(key, self.row)
                instead = f" but {short(other)}, expected the key {key!r}" if other else ", expected a text"
                self.problem(f"no {key}", f"found no {key}{instead}")
        for key, value in self.row.items():
            if key not in self.form.read or key == "messages":
                continue
            if isinstance(value, str):
                self.text(key, value, empty=key in ("prefix", "input"))
            elif isinstance(value, list):
                for at, entry in enumerate(value):
                    if isinstance(entry, str):
                        self.text(f"{key}[{at}]", entry, key=key)
                    else:
                        self.problem(
                            f"{key} that are no strings",
                            f"{key}[{at}]: found {_shown(entry)}, expected a string",
                        )

    def text(self, name: str, value: str, empty: bool = False, key: str | None = None) -> None:
        """Check one text; `key` is the column that its problems are counted under. Default: its name."""
        key = key or name
        if not empty and not value.strip():
            found = "an empty text" if not value else "only white space"
            self.problem(f"{key} without a text", f"{name}: found {found}, expected a text")
        elif len(value) > LONGEST:
            self.problem(
                f"{key} too long", f"{name}: found {len(value):,} characters, expected at most {LONGEST:,}"
            )
        elif key == "id" and not value.isprintable():
            self.problem(
                "id with such a character", f"id: found {short(value)}, expected printable characters"
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


def _shown(value: Any) -> str:
    """A value in words, and the value itself if it is short."""
    text = "" if value is None or isinstance(value, list | dict) else f" ({short(value)})"
    return f"{kind_of(value)}{text}"


def short(value: Any) -> str:
    """A value as it is written, cut if it is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
