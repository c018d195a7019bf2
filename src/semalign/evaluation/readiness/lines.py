"""The lines that tell a user what a check has found."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from semalign.config.checks import CheckSettings, Size
from semalign.evaluation.readiness.cuts import Cuts
from semalign.evaluation.readiness.lengths import TooLong
from semalign.evaluation.readiness.reach import Unreachable
from semalign.evaluation.readiness.speaker import Said


class Named(Protocol):
    """A split of a benchmark."""

    @property
    def name(self) -> str: ...

    @property
    def split(self) -> str: ...


def cut_differently(part: Named, cuts: Cuts, uses: Sequence[str]) -> str:
    """Answers whose cuts differ, in a split that something reads token by token."""
    first = cuts.answers[0]
    return (
        f"{_where(part)}: the answer of example {first.example} is cut into {first.teacher} by the teacher and into "
        f"{first.student} by the student{_more(len(cuts.answers), cuts.examples)}; {_list(uses)} would supervise one "
        "token with another: expected tokenizers that cut alike, or only methods that store nothing of the teacher"
    )


def harmless(part: Named, cuts: Cuts) -> str:
    """Texts whose cuts differ where nothing is read token by token."""
    return (
        f"{_where(part)}: teacher and student cut {len(cuts.answers)} answers and {cuts.prompts} prompts of "
        f"{cuts.examples} into different tokens; nothing is trained token by token on them, and KL and agreement leave "
        "out such answers"
    )


def text_too_long(part: Named, found: TooLong, model: str, context: int, checks: CheckSettings) -> str:
    """Examples longer than a context."""
    return (
        f"{_where(part)}: example {found.first} has {found.positions} tokens ({found.prompt} of them its prompt), "
        f"expected at most the {context} of {model}{_more(found.count)}; shorten it{_leave_out(part, checks)}"
    )


def request_too_long(
    part: Named, found: TooLong, model: str, context: int, room: int | None, checks: CheckSettings
) -> str:
    """Prompts after which a context has too little room."""
    new = found.positions - found.prompt
    smaller = f"set evaluation.max_new_tokens.{part.name}: {room}" if room else "shorten the prompt"
    return (
        f"{_where(part)}: example {found.first} needs {found.positions} positions ({found.prompt} of its prompt, {new} "
        f"for the answer), expected at most the {context} of {model}{_more(found.count)}; "
        f"{smaller}{_leave_out(part, checks)}"
    )


def unreachable(part: Named, missed: Unreachable, said: Mapping[str, Said], checks: CheckSettings) -> str:
    """References that would not score."""
    longest = max((each.tokens for each in said.values()), default=0)
    first = said.get(missed.first)
    short = first is not None and first.stop is None and first.tokens > first.limit
    remedy = (
        f"set evaluation.max_new_tokens.{part.name}: {longest + 1}"
        if short
        else "change the answer or its scoring"
    )
    keep = (
        f", or benchmarks.{part.name}.unreachable: report"
        if checks.unreachable.get(part.name) == "refuse"
        else ""
    )
    advice = "" if checks.unreachable.get(part.name) == "report" else f"; {remedy}{keep}"
    return (
        f"{_where(part)}: the reference of example {missed.first} would not be scored as right: {missed.reason}"
        f"{_more(missed.count, missed.items)}{advice}"
    )


def too_few(size: Size, examples: int, benchmark: str) -> list[str]:
    """A line if a split has fewer examples than a setting asks for."""
    if size.examples <= examples:
        return []
    return [
        f"{size.key}: found {size.examples}, expected at most the {examples} examples of the {size.split} split of "
        f"{benchmark}"
    ]


def _where(part: Named) -> str:
    return f"benchmarks.{part.name}: {part.split}"


def _more(count: int, of: int | None = None) -> str:
    """How many others there are."""
    if of is not None:
        return f" ({count} of {of} examples)"
    return f" (and {count - 1} more)" if count > 1 else ""


def _leave_out(part: Named, checks: CheckSettings) -> str:
    """The advice to leave examples out, if the benchmark has the key and it does not say so yet."""
    if checks.too_long.get(part.name) != "refuse":
        return ""
    return f", or benchmarks.{part.name}.too_long: leave-out"


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
