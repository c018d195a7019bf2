"""A benchmark from the user's own data: a file of rows, each with a question and an answer, or with a chat.

Further keys say how an item is scored: `choices` and `gold` (the answer's index in them) make it a choice question,
`tests` a programming task (with `entry_point` and `prefix` if needed). Otherwise the generated text is compared with
`target` or, without it, with the answer. Splits are drawn by seed; a repeated prompt is used once.
"""

import hashlib
import logging
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semalign.benchmarks.base import Example, Prepared, Size
from semalign.benchmarks.contamination import Compared, Reason, TestSet, keep_clean
from semalign.benchmarks.decoding import user_path
from semalign.benchmarks.findings import rows_of
from semalign.benchmarks.oddities import unlike
from semalign.benchmarks.overlap import by_prompt, check_splits
from semalign.benchmarks.own_file import OwnFile, read_file, unlike_files
from semalign.benchmarks.registry import BENCHMARKS, PUBLISHED
from semalign.benchmarks.rows import Layout
from semalign.benchmarks.template_files import template_file, template_of, without_effect
from semalign.config.base import SPLITS, Split
from semalign.config.benchmarks import FileBenchmark
from semalign.runtime.errors import Problems, UserError
from semalign.runtime.provenance import portable

if TYPE_CHECKING:
    from semalign.benchmarks.fitting import Room

LOGGER = logging.getLogger(__name__)
# shares of the splits that are drawn first; train is the rest
SHARES: dict[Split, float] = {"test": 0.2, "extract": 0.05, "align": 0.1, "validation": 0.1}


_SIZES: dict[tuple[str, str], dict[Split, Size]] = {}  # of the benchmarks that this process has checked


def problems_of(name: str, settings: FileBenchmark) -> list[str]:
    """All problems of a benchmark's files and sizes, one line each; warnings are logged.

    `build` makes the same checks, so that a benchmark without problems can be built.
    """
    try:
        splits = _assemble(name, settings).splits
    except UserError as error:
        return list(error.lines)
    _SIZES[name, settings.model_dump_json()] = {split: Size.of(items) for split, items in splits.items()}
    return []


def sizes_of(name: str, settings: FileBenchmark) -> dict[Split, Size] | None:
    """The sizes of the splits as `problems_of` found them before; None if it was not called, or found problems.

    A plan of costs needs them, and a large file is not read again for it.
    """
    return _SIZES.get((name, settings.model_dump_json()))


def build(name: str, settings: FileBenchmark, room: "Room | None" = None) -> Prepared:
    """Build all splits, of the rows that `room` holds if it is given.

    Raises UserError with all problems of the rows, or if there are too few rows.
    """
    prepared = _assemble(name, settings, room)
    dropped = prepared.origin["overlap"]["dropped"]
    reasons = ", ".join(f"{len(ids)} {reason}" for reason, ids in dropped.items() if ids)
    sizes = ", ".join(f"{split} {len(items):,}" for split, items in prepared.splits.items())
    rows = prepared.origin["rows"]
    LOGGER.info("benchmark %s: %d rows: %s; kept out of training: %s", name, rows, sizes, reasons or "none")
    return prepared


def _assemble(name: str, settings: FileBenchmark, room: "Room | None" = None) -> Prepared:
    pool, test = _files(name, settings)
    too_long: dict[str, Any] = {}
    if room:
        items, of_test, too_long = _fitting(name, settings, room, pool, test)
        pool, test = replace(pool, items=items), replace(test, items=of_test or []) if test else None
    test_set = TestSet(map(compared, test.items if test else ()))
    long = len(too_long.get("too_long", ()))
    if test and not test.items:
        raise UserError(
            f"benchmarks.{name}: found no row of {test.path} that fits into the models' contexts, expected some"
        )
    clean, dropped = keep_clean(((item, compared(item)) for item in pool.items), test_set, set())
    splits = _deal(name, settings, pool, clean, test, long)
    named = {
        split: [replace(item, id=f"{name}-{split}-{item.id}") for item in splits[split]] for split in SPLITS
    }
    check_splits(name, named)
    warnings = [*pool.warnings, *_shared(pool, test, dropped)]
    for warning in warnings:
        LOGGER.warning("warning: benchmarks.%s: %s", name, warning)
    files = {str(file.path): file.path for file in (pool, test) if file}
    if template := template_file(settings):
        files[str(template)] = template
    origin = {
        "files": {portable(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files.values()},
        "rows": len(pool.items),
        "overlap": {"dropped": dropped},
        "warnings": [_portable(warning, files) for warning in warnings],
        **too_long,
    }
    return Prepared(named, origin=origin)


def _fitting(
    name: str, settings: FileBenchmark, room: "Room", pool: OwnFile, test: OwnFile | None
) -> tuple[list[Example], list[Example] | None, dict[str, Any]]:
    """The rows of both files that fit, or are cut until they do, and what the origin says of the others."""
    tested = test.items if test else None
    if settings.too_long != "cut-left":
        return room.rows(name, pool.items, tested)
    from semalign.benchmarks.cutting import cut_left

    return cut_left(room, name, pool.items, tested)


def _portable(text: str, files: dict[str, Path]) -> str:
    """The text with each file's path as the record names it, which is the same on every machine."""
    for name in sorted(files, key=len, reverse=True):
        text = text.replace(name, portable(files[name]))
    return text


def _files(name: str, settings: FileBenchmark) -> tuple[OwnFile, OwnFile | None]:
    """The file of the rows, and that of the test split if there is one; raises UserError with all their problems."""
    problems = Problems()
    if name in BENCHMARKS or name in PUBLISHED:
        problems.add(
            f"benchmarks.{name}: found a file of your own under the name of a built-in benchmark, whose scoring would "
            "be used; expected another name"
        )
    paths = [user_path(path) for path in (settings.path, settings.test_path) if path]
    if len(paths) == 2 and _same(*paths):
        problems.add(
            f"benchmarks.{name}: found the same content in path and test_path ({paths[1]}), expected other rows; "
            "without test_path, the test split is drawn from path"
        )
        paths = paths[:1]
    files: list[OwnFile] = []
    layout = Layout(settings.separator)
    with problems.collect():
        layout = Layout(settings.separator, template_of(name, settings.chat_template))
    for path in paths:
        with problems.collect():
            files.append(read_file(path, layout))
    problems.add(*without_effect(name, settings, [file.form for file in files]))
    if len(files) == 2:
        problems.add(*unlike_files(*files))
    problems.check()
    return files[0], files[1] if len(files) == 2 else None


def _same(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second) or (
            first.stat().st_size == second.stat().st_size and first.read_bytes() == second.read_bytes()
        )
    except (OSError, ValueError):
        return False  # said when the file is read


def compared(item: Example) -> Compared:
    """Text by which items are compared: the prompt with its punctuation, since `3 - 1` is not `3 + 1`.

    N-grams are not compared, because a user's prompts may all share a long beginning.
    """
    return Compared((by_prompt(item),), "")


def _shared(pool: OwnFile, test: OwnFile | None, dropped: dict[Reason, list[str]]) -> list[str]:
    """Warnings on rows of the test file: those that training rows repeat, and those that repeat each other."""
    if test is None:
        return []
    places: dict[str, int] = {}
    repeated = [
        (places[by_prompt(item)], test.lines[item.id])
        for item in test.items
        if places.setdefault(by_prompt(item), test.lines[item.id]) != test.lines[item.id]
    ]
    warnings = [*test.warnings]
    if pool.items and test.items:
        warnings += unlike((pool.path, pool.items), (test.path, test.items))
    if repeated:
        warnings.append(
            f"{test.path}: {rows_of(len(repeated))} with the prompt of an earlier row (first: "
            f"{test.lines.unit}s {repeated[0][0]} and {repeated[0][1]}); each of them counts in the score"
        )
    if shared := dropped["same text"]:
        first = next(item for item in pool.items if item.id == shared[0])
        warnings.append(
            f"{pool.path}: {rows_of(len(shared))} with a prompt of {test.path} (first: {pool.lines.of(first.id)}, "
            f"there {test.lines.unit} {places[by_prompt(first)]}); kept out of training"
        )
    return warnings


def _deal(
    name: str,
    settings: FileBenchmark,
    pool: OwnFile,
    clean: Sequence[Example],
    test: OwnFile | None,
    long: int,
) -> dict[Split, list[Example]]:
    """Split the shuffled rows: first the splits that have a size or a share, then train from the rest."""
    order = list(clean)
    random.Random(f"{name} {settings.seed}").shuffle(order)
    sizes = {
        split: getattr(settings, split) or max(1, round(share * len(order)))
        for split, share in SHARES.items()
        if split != "test" or test is None
    }
    _enough(name, settings, pool, len(order), sizes, long)
    splits: dict[Split, list[Example]] = {}
    if test is not None:
        splits["test"] = list(test.items[: settings.test])
        if settings.test and len(test.items) < settings.test:
            raise UserError(
                f"benchmarks.{name}.test: found {settings.test}, expected at most the {len(test.items):,} rows of "
                f"{test.path}"
            )
    start = 0
    for split, size in sizes.items():
        splits[split] = order[start : start + size]
        start += size
    splits["train"] = order[start:][: settings.train]
    return splits


def _enough(
    name: str, settings: FileBenchmark, pool: OwnFile, count: int, sizes: dict[Split, int], long: int
) -> None:
    wanted = {**sizes, "train": settings.train or 1}
    needed = sum(wanted.values())
    if count >= needed:
        return
    left_out = len(pool.items) - count
    reasons = (
        (left_out, "repeat others or are in the test file"),
        (long, "do not fit into the models' contexts"),
    )
    others = ", ".join(f"{number:,} {reason}" for number, reason in reasons if number)
    repeated = f" ({others})" if others else ""
    raise UserError(
        f"benchmarks.{name}: found {count:,} different rows in {pool.path}{repeated}, expected at least {needed:,}: "
        f"{', '.join(f'{split} {size:,}' for split, size in wanted.items())}; add rows or set smaller sizes"
    )
