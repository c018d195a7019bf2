"""Choice of the task file in `tasks/` that scores a benchmark: by its name, its columns, or its kind of answer."""

import json
from pathlib import Path
from typing import Any

from semalign.config.evaluation import Protocol
from semalign.runtime.errors import UserError

TASKS = Path(__file__).parent / "tasks"
OWN = "own-"  # begins the names of the tasks for a user's own file
COLUMNS: dict[str, set[str]] = {
    "mmlu": {"subject", "question", "options"},
    "gsm8k": {"question", "solution"},
    "mbpp": {"task_id", "text"},
    "humaneval": {"task_id"},
}
"""Columns of the source in `Example.fields` that identify a published benchmark whatever its name; first match wins."""


def task_name(benchmark: str, protocol: Protocol, split_file: Path) -> str:
    """The name of a benchmark's task file under a protocol; for a user's own file it depends on the kind of answer.

    Raises UserError if the protocol has no task for the benchmark.
    """
    known = task_names()
    kind = benchmark if benchmark in known else _kind(_first_item(split_file))
    name = kind if protocol == "paper" else f"{kind}-{protocol}"
    if name not in known:
        has = ", ".join(
            other.removesuffix(f"-{protocol}") for other in known if other.endswith(f"-{protocol}")
        )
        raise UserError(
            f"evaluation.protocol: found {protocol}, expected paper for {benchmark}, which has no {protocol} task "
            f"({has} have one)"
        )
    return name


def task_names() -> list[str]:
    """The names of all task files."""
    return sorted(path.stem for path in TASKS.glob("*.yaml") if not path.name.startswith("_"))


def _kind(item: dict[str, Any]) -> str:
    columns = set(item.get("fields") or {})
    published = next((name for name, needed in COLUMNS.items() if needed <= columns), None)
    own = "choices" if item.get("choices") else "code" if item.get("tests") else "text"
    return published or f"{OWN}{own}"


def _first_item(split_file: Path) -> dict[str, Any]:
    """The first item of a split file; an empty dict if the file is empty."""
    with Path(split_file).open(encoding="utf-8") as file:
        item: dict[str, Any] = json.loads(file.readline() or "{}")
    return item
