"""The table of models that are scored as they are: a row a model, benchmark and protocol."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from semalign.config.statistics import StatisticsSettings
from semalign.evaluation.items import ITEMS, read_items
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_text
from semalign.runtime.provenance import check
from semalign.statistics.intervals import mean_interval
from semalign.statistics.scores import SCALE, Scores, balanced
from semalign.statistics.tables.text import csv_text

COLUMNS = (
    *("model", "benchmark", "protocol", "items", "metric", "score", "score_low", "score_high", "empty"),
    *("published", "published_source", "shots", "samples", "max_new_tokens", "batch_size", "dtype"),
    *("items_per_second", "tokens_per_second", "generate_seconds", "isolation", "task_version", "lm_eval"),
)
Row = dict[str, Any]


def collect_scores(
    folders: Iterable[Path], published: Sequence[Mapping[str, Any]], settings: StatisticsSettings, out: Path
) -> None:
    """Write the table, its rows in the order of `folders` (.../<model>/<benchmark>/<protocol>).

    `published` are the config's entries of what others report. Scores are percentages with bootstrap intervals
    over the items, `empty` the percentage of answers in which nothing stands. Raises UserError where a folder does
    not match its record.
    """
    write_text(out, csv_text(COLUMNS, [_row(folder, published, settings) for folder in folders]))


def _row(folder: Path, published: Sequence[Mapping[str, Any]], settings: StatisticsSettings) -> Row:
    model, benchmark, protocol = folder.absolute().parts[-3:]
    record, metrics = check(folder), read_json(folder / "metrics.json")
    items = read_items(folder / ITEMS)
    shares = [item.correct for item in items]
    answers = [answer for item in items for answer in item.responses]
    if any(share is None for share in shares):
        raise UserError(f"{folder}/{ITEMS}: an item has no verdict, expected one each")
    interval = mean_interval(_scores(shares, [item.part for item in items]), settings)
    others = _published(published, {"model": model, "benchmark": benchmark, "protocol": protocol})
    found = {"model": model, "benchmark": benchmark, "protocol": protocol, "items": metrics["items"]}
    return {
        **found,
        **{"metric": metrics["metric"], "isolation": record["isolation"]},
        **{"score": metrics["score"], "score_low": interval.low, "score_high": interval.high},
        "empty": SCALE * sum(not answer.strip() for answer in answers) / len(answers),
        **{"published": others.get("score"), "published_source": others.get("source")},
        **_protocol(record["evaluation"]),
        **{name: record["throughput"][name] for name in ("items_per_second", "tokens_per_second")},
        "generate_seconds": record["throughput"]["seconds"],
    }


def _scores(shares: Sequence[float | None], parts: Sequence[str | None]) -> Scores:
    """Item scores of one run; those of a mixture are weighed as its score is."""
    values = balanced(SCALE * np.array([shares], dtype=float), parts)
    strata = np.unique([part or "" for part in parts], return_inverse=True)[1]
    return Scores(values, (0,), strata=strata if any(parts) else None)


def _published(published: Sequence[Mapping[str, Any]], of: Mapping[str, str]) -> Mapping[str, Any]:
    """The first entry of this model, benchmark and protocol; an empty one where there is none."""
    return next((entry for entry in published if all(entry[key] == value for key, value in of.items())), {})


def _protocol(facts: Mapping[str, Mapping[str, Any]]) -> Row:
    """How the answers were made; empty where the parts of a mixture differ."""
    tasks = list(facts.values())
    rows = [
        {name: task[name] for name in ("shots", "samples", "batch_size", "dtype", "task_version", "lm_eval")}
        | {"max_new_tokens": (task["decoding"] or {}).get("max_gen_toks")}
        for task in tasks
    ]
    return {
        name: value if all(row[name] == value for row in rows) else None for name, value in rows[0].items()
    }
