"""The scores of models that are evaluated as they are: one row per model, benchmark and protocol."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from semalign.config.statistics import StatisticsSettings
from semalign.evaluation.items import ITEMS, read_items
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json
from semalign.runtime.provenance import check
from semalign.statistics.intervals import mean_interval
from semalign.statistics.scores import SCALE, Scores, balanced

Row = dict[str, Any]


def score_rows(
    folders: Iterable[Path], published: Sequence[Mapping[str, Any]], settings: StatisticsSettings
) -> list[Row]:
    """The rows of the table, in the order of `folders` (.../<model>/<benchmark>/<protocol>).

    `published` holds the config's entries of scores that others report. Scores are percentages with bootstrap intervals
    over the items; `empty` is the percentage of answers without any text. Raises UserError if a folder does not match
    its record.
    """
    return [_row(folder, published, settings) for folder in folders]


def _row(folder: Path, published: Sequence[Mapping[str, Any]], settings: StatisticsSettings) -> Row:
    model, benchmark, protocol = folder.absolute().parts[-3:]
    record, metrics = check(folder), read_json(folder / "metrics.json")
    items = read_items(folder / ITEMS)
    shares = [item.correct for item in items]
    answers = [answer for item in items for answer in item.responses]
    if any(share is None for share in shares):
        raise UserError(f"{folder}/{ITEMS}: found an item without a verdict, expected one per item")
    interval = mean_interval(_scores(shares, [item.part for item in items]), settings)
    names = {"model": model, "benchmark": benchmark, "protocol": protocol}
    others = _published(published, names)
    return {
        **names,
        **_protocol(record["evaluation"]),
        "items": metrics["items"],
        "metric": metrics["metric"],
        "score": metrics["score"],
        "score_low": interval.low,
        "score_high": interval.high,
        "empty": SCALE * sum(not answer.strip() for answer in answers) / len(answers),
        "published": others.get("score"),
        "published_source": others.get("source"),
        "items_per_second": record["throughput"]["items_per_second"],
        "tokens_per_second": record["throughput"]["tokens_per_second"],
        "generate_seconds": record["throughput"]["seconds"],
        "isolation": record["isolation"],
    }


def _scores(shares: Sequence[float | None], parts: Sequence[str | None]) -> Scores:
    """Item scores of one run; those of a mixture are weighted like its score."""
    values = balanced(SCALE * np.array([shares], dtype=float), parts)
    strata = np.unique([part or "" for part in parts], return_inverse=True)[1]
    return Scores(values, (0,), strata=strata if any(parts) else None)


def _published(published: Sequence[Mapping[str, Any]], of: Mapping[str, str]) -> Mapping[str, Any]:
    """The first entry for this model, benchmark and protocol; an empty one if there is none."""
    return next((entry for entry in published if all(entry[key] == value for key, value in of.items())), {})


def _protocol(facts: Mapping[str, Mapping[str, Any]]) -> Row:
    """How the answers were generated; a value is None if the parts of a mixture differ."""
    tasks = list(facts.values())
    rows = [
        {name: task[name] for name in ("shots", "samples", "batch_size", "dtype", "task_version", "lm_eval")}
        | {"max_new_tokens": (task["decoding"] or {}).get("max_gen_toks")}
        for task in tasks
    ]
    return {
        name: value if all(row[name] == value for row in rows) else None for name, value in rows[0].items()
    }
