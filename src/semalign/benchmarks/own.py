"""A benchmark from the user's own data: a JSONL file with a `prompt` and an `answer` per line.

Further keys say how an item is scored: `choices` and `gold` (the answer's index in them) make it a choice question,
`tests` a programming task (with `entry_point` and `prefix` if needed). Otherwise the generated text is compared with
`target` or, without it, with the answer. Splits are drawn by seed; a repeated prompt is used once.
"""

import hashlib
import logging
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semalign.benchmarks.base import Example, Prepared
from semalign.benchmarks.contamination import Compared, TestSet, keep_clean
from semalign.benchmarks.mirror import parse_lines
from semalign.benchmarks.overlap import by_prompt, check_splits
from semalign.config.base import SPLITS, Split
from semalign.config.benchmarks import FileBenchmark
from semalign.runtime.errors import UserError
from semalign.runtime.provenance import portable

if TYPE_CHECKING:
    from semalign.benchmarks.fitting import Room

LOGGER = logging.getLogger(__name__)
# shares of the splits that are drawn first; train is the rest
SHARES: dict[Split, float] = {"test": 0.2, "extract": 0.05, "align": 0.1, "validation": 0.1}
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


def build(name: str, settings: FileBenchmark, room: "Room | None" = None) -> Prepared:
    """Build all splits, from the rows that `room` holds if it is given.

    Raises UserError naming the file and line of an invalid row, or if there are too few rows.
    """
    pool = read_pairs(Path(settings.path).expanduser())
    test_pool = read_pairs(Path(settings.test_path).expanduser()) if settings.test_path else None
    too_long: dict[str, list[str]] = {}
    if room:
        pool, test_pool, too_long = room.rows(name, pool, test_pool)
    test = TestSet(map(compared, test_pool or ()))
    clean, dropped = keep_clean(((item, compared(item)) for item in pool), test, set())
    splits = _deal(name, settings, clean, test_pool)
    named = {
        split: [replace(item, id=f"{name}-{split}-{item.id}") for item in splits[split]] for split in SPLITS
    }
    check_splits(name, named)
    reasons = ", ".join(f"{len(ids)} {reason}" for reason, ids in dropped.items() if ids)
    LOGGER.info("benchmark %s: %d rows; kept out of training: %s", name, len(pool), reasons or "none")
    files = [Path(path).expanduser() for path in (settings.path, settings.test_path) if path]
    digests = {portable(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return Prepared(named, origin={"files": digests, "overlap": {"dropped": dropped}, **too_long})


def read_pairs(path: Path) -> list[Example]:
    """Read the items of a file; raises UserError naming a row that is not a pair of prompt and answer."""
    rows = parse_lines(_bytes(path).decode("utf-8", errors="replace"), path)
    if not rows:
        raise UserError(f"{path}: found no row, expected one object with `prompt` and `answer` per line")
    items = [_example(row, f"{path}: row {number}", number) for number, row in enumerate(rows, 1)]
    [(commonest, count)] = Counter(item.id for item in items).most_common(1)
    if count > 1:
        raise UserError(f"{path}: found id {commonest!r} {count} times, expected ids that differ")
    return items


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected a JSONL file with a prompt and an answer per line")
    return path.read_bytes()


def _example(row: dict[str, Any], where: str, number: int) -> Example:
    for key, value in row.items():
        if key not in KEYS:
            raise UserError(f"{where}: found unknown key {key!r}, expected some of {', '.join(KEYS)}")
        if not isinstance(value, KEYS[key]) or isinstance(value, bool):
            raise UserError(f"{where}: {key}: found {type(value).__name__}, expected {KEYS[key][0].__name__}")
    for key in ("prompt", "answer"):
        if not row.get(key, "").strip():
            raise UserError(f"{where}: found no {key}, expected a text")
    fields = {**row, "id": str(row.get("id", f"{number:04}")), "answer": _continuation(row["answer"])}
    if "tests" not in row and "choices" not in row:
        fields["target"] = row.get("target", row["answer"]).strip()
    return Example(**_choice(fields, where))


def _choice(fields: dict[str, Any], where: str) -> dict[str, Any]:
    """Turn choices into continuations; without `gold`, the answer's place among them is the right one."""
    if "choices" not in fields:
        if "gold" in fields:
            raise UserError(f"{where}: found gold without choices, expected both or none")
        return fields
    choices = [_continuation(str(choice)) for choice in fields["choices"]]
    gold = fields.get("gold", choices.index(fields["answer"]) if fields["answer"] in choices else -1)
    if not 0 <= gold < len(choices) or choices[gold] != fields["answer"]:
        raise UserError(
            f"{where}: found an answer that is not the choice at index gold, expected it among the choices"
        )
    return {**fields, "choices": choices, "gold": gold}


def _continuation(answer: str) -> str:
    """The answer, with a separator before it."""
    return answer if answer[:1].isspace() else f" {answer}"


def compared(item: Example) -> Compared:
    """Text by which items are compared: the prompt with its punctuation, since `3 - 1` is not `3 + 1`.

    N-grams are not compared, because a user's prompts may all share a long beginning.
    """
    return Compared((by_prompt(item),), "")


def _deal(
    name: str, settings: FileBenchmark, pool: Sequence[Example], test_pool: Sequence[Example] | None
) -> dict[Split, list[Example]]:
    """Split the shuffled rows: first the splits that have a size or a share, then train from the rest."""
    order = list(pool)
    random.Random(f"{name} {settings.seed}").shuffle(order)
    splits: dict[Split, list[Example]] = {}
    start = 0
    for split, share in SHARES.items():
        if split == "test" and test_pool is not None:
            splits[split] = list(test_pool[: settings.test])
            continue
        size = getattr(settings, split) or max(1, round(share * len(order)))
        splits[split] = order[start : start + size]
        _enough(name, split, size, len(splits[split]))
        start += size
    left = order[start:]
    splits["train"] = left[: settings.train]
    _enough(name, "train", settings.train or 1, len(splits["train"]))
    return splits


def _enough(name: str, split: Split, wanted: int, count: int) -> None:
    if count < wanted:
        raise UserError(
            f"benchmark {name}: {split}: found only {count} different rows left, expected {wanted}"
        )
