"""Checks of the turns of a chat in a user's own file."""

from collections.abc import Sequence
from typing import Any

from semalign.benchmarks.lines import kind_of
from semalign.benchmarks.row_checks import Checker, short

ROLES = ("system", "user", "assistant")


def check_messages(check: Checker, messages: Sequence[Any]) -> None:
    """Check roles, their order and every text; only the first problem of a row is named."""
    if len(messages) < 2:
        found = f"messages: found {len(messages)}, expected at least a user's turn and an assistant's"
        return check.problem("too few messages", found)
    before = "the beginning"
    for at, turn in enumerate(messages):
        if not _whole(check, at, turn) or not _in_order(check, at, turn["role"], before):
            return None
        check.text(f"messages[{at}].content", turn["content"], turn["role"] == "system", "messages")
        if not check.good:
            return None
        before = turn["role"]
    if before != "assistant":
        found = f"messages[{len(messages) - 1}].role: found {before!r} in the last turn, expected 'assistant'"
        check.problem("a last turn that is not the assistant's", f"{found}: its text is the answer")
    return None


def _whole(check: Checker, at: int, turn: Any) -> bool:
    """Whether a turn is an object with a known role and a text."""
    if not isinstance(turn, dict):
        found = f"messages[{at}]: found {kind_of(turn)}, expected an object with role and content"
        check.problem("messages that are no objects", found)
        return False
    for key, expected in (("role", "system, user or assistant"), ("content", "a text")):
        if key not in turn:
            others = f" (it has {', '.join(map(short, turn))})" if turn else ""
            check.problem(
                f"messages without {key}", f"messages[{at}]: found no {key}{others}, expected {expected}"
            )
            return False
        if not isinstance(turn[key], str):
            found = f"messages[{at}].{key}: found {kind_of(turn[key])}, expected a string"
            check.problem(f"{key} of another type", found)
            return False
    return True


def _in_order(check: Checker, at: int, role: str, before: str) -> bool:
    """Whether a role may follow the one before it: the system's turn first, then user and assistant in turn."""
    if role not in ROLES:
        found = f"messages[{at}].role: found {short(role)}, expected system, user or assistant"
        check.problem("unknown roles", found)
        return False
    allowed = {"the beginning": ("system", "user"), "user": ("assistant",)}.get(before, ("user",))
    if role not in allowed:
        found = f"messages[{at}].role: found {role!r} after {before}, expected {' or '.join(allowed)}"
        check.problem("roles out of turn", found)
        return False
    return True
