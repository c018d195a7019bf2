"""The rows of a user's own file: each is checked by its kind and becomes an item."""

from typing import Any

from semalign.benchmarks.base import Example
from semalign.benchmarks.findings import Findings
from semalign.benchmarks.joining import CODE_SEPARATOR, SEPARATOR, at_the_space, separated
from semalign.benchmarks.lines import Row
from semalign.benchmarks.row_checks import Checker
from semalign.benchmarks.row_kinds import check_choices, check_program


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
        check_program(check, fields["answer"])
    elif "choices" in row:
        continuations = [separated(prompt, choice, separator) for choice in row["choices"]]
        fields["gold"] = check_choices(check, prompt, row["choices"], continuations)
        fields["prompt"], fields["choices"] = at_the_space(prompt, continuations)
        fields["answer"] = fields["choices"][fields["gold"]] if check.good else ""
    else:
        fields["prompt"], [fields["answer"]] = at_the_space(prompt, [separated(prompt, answer, separator)])
        fields["target"] = str(row.get("target", answer)).strip()
    return Example(**fields) if check.good else None


def kind_of_row(row: Row) -> str:
    """The kind of item by which a row is scored."""
    return "choices" if "choices" in row else "tests" if "tests" in row else "neither choices nor tests"
