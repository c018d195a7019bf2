"""The rows of a user's own file: each is checked by its form and kind and becomes an item."""

from dataclasses import dataclass
from typing import Any

from semalign.benchmarks.base import Example
from semalign.benchmarks.chat_templates import AUTO
from semalign.benchmarks.chats import NONE, plain
from semalign.benchmarks.findings import Findings
from semalign.benchmarks.joining import CODE_SEPARATOR, SEPARATOR, at_the_space, separated
from semalign.benchmarks.lines import Row
from semalign.benchmarks.row_checks import Checker
from semalign.benchmarks.row_forms import CHAT, SCORING, as_messages, plain_texts
from semalign.benchmarks.row_kinds import check_choices, check_program
from semalign.benchmarks.row_messages import check_messages


@dataclass(frozen=True)
class Layout:
    """How rows become texts: what is put before an answer (null: by kind), and the chat template."""

    separator: str | None = None
    template: str = AUTO


def item_of(findings: Findings, line: int, row: Row, number: int, layout: Layout) -> Example | None:
    """The item of a row (the file's `number`-th); None if it has a problem, which goes to `findings`."""
    check = Checker(findings, line, row)
    if not check.types():
        return None
    check.strings()
    check.kind()
    chat = check.form is CHAT or layout.template not in (AUTO, NONE)
    if check.good and check.form is CHAT:
        check_messages(check, row["messages"])
    if chat:
        _only_text(check)
    if not check.good:
        return None
    scoring = {key: row[key] for key in SCORING if key in row}
    fields: dict[str, Any] = {**scoring, "id": str(row.get("id", f"{number:04}"))}
    fields |= _chat(check, layout) if chat else _texts(check, layout.separator)
    return Example(**fields) if check.good else None


def _only_text(check: Checker) -> None:
    """Refuse what a chat template can't hold."""
    for key in ("choices", "tests"):
        if key in check.row:
            check.problem(f"{key} in a chat", f"found {key} in a chat, expected generated text only")


def _chat(check: Checker, layout: Layout) -> dict[str, Any]:
    """The fields of a row that models read as a chat."""
    row = check.row
    messages = as_messages(check.form, row)
    if check.form is CHAT:
        text = plain(messages)
        prompt, answer = text.prompt, text.answer
    else:
        prompt, own = plain_texts(check.form, row)
        prompt, [answer] = at_the_space(prompt, [separated(prompt, own, layout.separator or SEPARATOR)])
    target = str(row.get("target", messages[-1]["content"])).strip()
    chat = {"messages": messages, "template": layout.template}
    return {"prompt": prompt, "answer": answer, "target": target, **chat}


def _texts(check: Checker, separator: str | None) -> dict[str, Any]:
    """The fields of a row whose texts are read as they are, by its kind."""
    row = check.row
    if separator is None:
        separator = CODE_SEPARATOR if "tests" in row else SEPARATOR
    prompt, answer = plain_texts(check.form, row)
    if "tests" in row:
        joined = separated(prompt, answer, separator)
        check_program(check, joined)
        return {"prompt": prompt, "answer": joined}
    if "choices" in row:
        continuations = [separated(prompt, choice, separator) for choice in row["choices"]]
        gold = check_choices(check, prompt, row["choices"], continuations)
        prompt, choices = at_the_space(prompt, continuations)
        own = choices[gold] if check.good else ""
        return {"prompt": prompt, "answer": own, "choices": choices, "gold": gold}
    prompt, [joined] = at_the_space(prompt, [separated(prompt, answer, separator)])
    return {"prompt": prompt, "answer": joined, "target": str(row.get("target", answer)).strip()}


def kind_of_row(row: Row) -> str:
    """The kind of item by which a row is scored."""
    return "choices" if "choices" in row else "tests" if "tests" in row else "neither choices nor tests"
