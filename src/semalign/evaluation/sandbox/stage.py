"""The last evaluation stage: verdicts and scores from stored answers.

This is the only stage that runs code written by a model. It loads no model, so it can run on another machine than the
one that generated the answers. Its record names the isolation that was in force.
"""

import logging
from pathlib import Path
from typing import Any

from semalign.benchmarks.base import read_split
from semalign.config.evaluation import EvaluationSettings
from semalign.evaluation.free_text import with_matches
from semalign.evaluation.items import ITEMS, read_items, summarise, write_items
from semalign.evaluation.sandbox.code import with_verdicts
from semalign.runtime.files import read_json, write_json
from semalign.runtime.provenance import RECORD, Run

logger = logging.getLogger("semalign")


def judge_answers(
    answers: Path, benchmark: Path, settings: Path, seed: int, out: Path, transfer: Path | None = None
) -> None:
    """Judge the answers of one model; code is run in the sandbox.

    Writes items.jsonl, metrics.json and run.json. Ends with an error if the answers are not those of the benchmark's
    split, or if the sandbox can't isolate.

    Args:
        answers: Folder of the answers.
        benchmark: Folder of the splits.
        settings: How answers are judged, as JSON (section `evaluation`).
        seed: Seed of the cell.
        out: Folder of the scores.
        transfer: Transfer folder, whose record has the costs of making the model. Default: a model scored as it is.
    """
    run = Run("evaluation", settings, seed)
    evaluation = EvaluationSettings(**run.settings)
    run.read_all(answers=answers, transfer=transfer, benchmark=benchmark)
    record = read_json(answers / RECORD)
    examples = read_split(benchmark, evaluation.split)
    items, isolation = with_verdicts(read_items(answers / ITEMS), examples, evaluation)
    items = with_matches(items, record["evaluation"])
    metrics = summarise(items, {task: facts["metric"] for task, facts in record["evaluation"].items()})
    write_items(out / ITEMS, items)
    write_json(out / "metrics.json", metrics | (_costs(transfer) if transfer else {}))
    extra = {"evaluation": record["evaluation"], "throughput": record["throughput"], "isolation": isolation}
    run.seal(out, extra, ignore=("answers", "transfer"))
    logger.info("%s: %s %.1f %% of %d items", benchmark.name, metrics["metric"], metrics["score"], len(items))


def _costs(transfer: Path) -> dict[str, Any]:
    """The costs of making the transfer, from its record."""
    record = read_json(transfer / RECORD)
    return {**record["cost"], "peak_memory_mb": record["peak_memory_mb"]}
