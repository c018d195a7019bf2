"""The last evaluation stage: stored answers become verdicts and scores.

The only stage that runs what a model wrote. It loads no model, so that it can be a job on another machine than the
one that generated; the isolation in force stands in its record.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from semalign.benchmarks.base import Example, read_split
from semalign.config.evaluation import EvaluationSettings
from semalign.evaluation.items import ITEMS, ItemRecord, read_items, summarise, write_items
from semalign.evaluation.sandbox.code import score_code
from semalign.runtime.files import read_json, write_json
from semalign.runtime.provenance import RECORD, Run

logger = logging.getLogger("semalign")
ANSWERS, TRANSFER = "answers", "transfer"
NO_CODE = "none needed"  # in place of an isolation, where the answers hold no code


def judge_answers(
    answers: Path, transfer: Path | None, benchmark: Path, settings: Path, seed: int, out: Path
) -> None:
    """Judge the answers of one model; write items.jsonl, metrics.json and run.json into `out`.

    `transfer` tells what making the model cost; None for one that nothing was done to. Raises UserError where the
    answers are not those of the benchmark's split, or where the sandbox can't isolate.
    """
    run = Run("evaluation", settings, seed)
    chosen = EvaluationSettings(**run.settings)
    for name, path in {ANSWERS: answers, TRANSFER: transfer, "benchmark": benchmark}.items():
        if path:
            run.read(name, path)
    said = read_json(answers / RECORD)
    records, isolation = _verdicts(read_items(answers / ITEMS), read_split(benchmark, chosen.split), chosen)
    metrics = summarise(records, {task: found["metric"] for task, found in said["evaluation"].items()})
    write_items(out / ITEMS, records)
    write_json(out / "metrics.json", metrics | (_costs(transfer) if transfer else {}))
    found = {"evaluation": said["evaluation"], "throughput": said["throughput"], "isolation": isolation}
    run.seal(out, found, ignore=(ANSWERS, TRANSFER))
    logger.info(
        "%s: %s %.1f %% of %d items", benchmark.name, metrics["metric"], metrics["score"], len(records)
    )


def _verdicts(
    records: Sequence[ItemRecord], examples: Sequence[Example], settings: EvaluationSettings
) -> tuple[list[ItemRecord], str]:
    """The records with the sandbox's verdict on every code item, and the isolation that was in force."""
    by_id = {example.id: example for example in examples}
    waiting = [index for index, record in enumerate(records) if record.correct is None]
    if not waiting:
        return list(records), NO_CODE
    scored, isolation = score_code(
        [records[index] for index in waiting], [by_id[records[index].id] for index in waiting], settings
    )
    found = dict(zip(waiting, scored, strict=True))
    return [found.get(index, record) for index, record in enumerate(records)], isolation


def _costs(transfer: Path) -> dict[str, Any]:
    """What making the transfer took, from its own record."""
    record = read_json(transfer / RECORD)
    return {**record["cost"], "peak_memory_mb": record["peak_memory_mb"]}
