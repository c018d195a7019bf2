"""Which task file beside this module scores a benchmark: by its name, by its columns, or by its kind of answer."""

import json
from pathlib import Path
from typing import Any

from semalign.config.evaluation import Protocol
from semalign.runtime.errors import UserError

TASKS = Path(__file__).parent / "tasks"
COLUMNS: dict[str, set[str]] = {
    "mmlu": {"subject", "question", "options"},
    "gsm8k": {"question", "solution"},
    "mbpp": {"task_id", "text"},
    "humaneval": {"task_id"},
}
"""The source's columns in `Example.fields` that tell a published benchmark under any name; the first match holds."""


def task_name(benchmark: str, protocol: Protocol, split_file: Path) -> str:
    """The task file of a benchmark under a protocol; a user's own file has one for its kind of answer.

    Raises UserError when the protocol has none for it.
    """
    known = task_names()
    kind = benchmark if benchmark in known else _kind(_first_item(split_file))
    name = kind if protocol == "paper" else f"{kind}-{protocol}"
    if name not in known:
        has = ", ".join(
            other.removesuffix(f"-{protocol}") for other in known if other.endswith(f"-{protocol}")
        )
        raise UserError(
            f"evaluation.protocol: found {protocol}, but {benchmark} has no such task; expected paper ({has} have it)"
        )
    return name


def task_names() -> list[str]:
    """All task files' names."""
    return sorted(path.stem for path in TASKS.glob("*.yaml") if not path.name.startswith("_"))


def _kind(item: dict[str, Any]) -> str:
    columns = set(item.get("fields") or {})
    published = next((name for name, needed in COLUMNS.items() if needed <= columns), None)
    own = "choices" if item.get("choices") else "code" if item.get("tests") else "text"
    return published or f"own-{own}"


def _first_item(split_file: Path) -> dict[str, Any]:
    """The first item of a split file; an empty one has none to tell by."""
    with Path(split_file).open(encoding="utf-8") as file:
        item: dict[str, Any] = json.loads(file.readline() or "{}")
    return item
