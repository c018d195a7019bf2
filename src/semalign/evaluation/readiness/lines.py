"""The lines that tell a user what the checks have found: one for each kind of problem of a benchmark."""

from collections.abc import Sequence

from semalign.config.checks import CheckSettings
from semalign.evaluation.readiness.cuts import Difference
from semalign.evaluation.readiness.lengths import TooLong
from semalign.evaluation.readiness.reach import Missed


def cut_differently(name: str, found: Sequence[Difference], examples: int, uses: Sequence[str]) -> str:
    """Answers whose cuts differ, in splits that something reads token by token."""
    first = found[0]
    expected = "tokenizers that cut alike"
    if first.ends:
        expected = "turns that as many tokens end in both (the same eos_token in both tokenizer_config.json)"
    return (
        f"benchmarks.{name}: {first.split}: the answer of example {first.example} is cut into {first.teacher} by the "
        f"teacher and into {first.student} by the student ({len(found)} of {examples} examples); {_list(uses)} would "
        f"supervise one token with another: expected {expected}, or only methods that store nothing of the teacher"
    )


def harmless(name: str, split: str, answers: int, prompts: int, examples: int) -> str:
    """Texts whose cuts differ in splits that nothing reads token by token."""
    return (
        f"benchmarks.{name}: {split}: teacher and student cut {answers} answers and {prompts} prompts of {examples} "
        "into different tokens; no method reads these answers token by token, and KL and agreement leave them out"
    )


def special(name: str, split: str, example: str, problem: str, count: int, items: int, roles: str) -> str:
    """Special tokens of a model where a text should have none."""
    return (
        f"benchmarks.{name}: {split}: example {example}: {problem}, for {roles} ({count} of {items} examples)"
    )


def read_by(line: str, roles: str) -> str:
    """A warning on how models read texts."""
    return f"{line} (for {roles})"


def without_row(
    name: str, split: str, example: str, number: int, token: str, rows: int | None, roles: str
) -> str:
    """A token that a model has no embedding of."""
    return (
        f"benchmarks.{name}: {split}: example {example} has the token {token!r} (id {number}), expected ids below "
        f"{rows}, the rows of the embedding of {roles}; remove it from the text"
    )


def text_too_long(
    name: str, found: Sequence[TooLong], roles: str, context: int, checks: CheckSettings
) -> str:
    """Examples longer than a context."""
    first = found[0]
    return (
        f"benchmarks.{name}: {first.split}: example {first.example} has {first.positions} tokens ({first.prompt} of "
        f"them its prompt), expected at most {context}, the context of {roles}{_more(found)}; shorten "
        f"{'it' if len(found) == 1 else 'them'}{_leave_out(name, checks)}"
    )


def request_too_long(
    name: str, found: Sequence[TooLong], roles: str, context: int, room: int | None, checks: CheckSettings
) -> str:
    """Prompts after which a context has too little room."""
    first = found[0]
    smaller = f"set evaluation.max_new_tokens.{name}: {room}" if room else "shorten the prompt"
    return (
        f"benchmarks.{name}: {first.split}: example {first.example} needs {first.positions} positions ({first.prompt} "
        f"for its prompt, {first.positions - first.prompt} for the answer), expected at most {context}, the context of "
        f"{roles}{_more(found)}; {smaller}{_leave_out(name, checks)}"
    )


def unreachable(name: str, found: Sequence[Missed], items: int, longest: int, checks: CheckSettings) -> str:
    """References that would not score."""
    first = found[0]
    choice = checks.unreachable.get(name)
    remedy = "" if first.tokens is None else f"set evaluation.max_new_tokens.{name}: {longest + 1}"
    keep = f" or benchmarks.{name}.unreachable: report" if choice == "refuse" else ""
    advice = f"; {remedy or 'change the example'},{keep}".rstrip(",") if choice != "report" else ""
    return (
        f"benchmarks.{name}: {first.split}: the reference of example {first.example} would not be scored as right: "
        f"{first.reason} ({len(found)} of {items} references){advice}"
    )


def _more(found: Sequence[TooLong]) -> str:
    return f" (and {len(found) - 1} more)" if len(found) > 1 else ""


def _leave_out(name: str, checks: CheckSettings) -> str:
    """The advice to leave examples out, if the benchmark has the key and does not do so yet."""
    if checks.too_long.get(name) != "refuse":
        return ""
    return f", or set benchmarks.{name}.too_long: leave-out (of own files also cut-left)"


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
