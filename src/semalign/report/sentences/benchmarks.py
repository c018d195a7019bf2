"""What the scores of models as they are say beside published ones."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from semalign.report.words import listing
from semalign.runtime.tables_text import benchmark_title


def published(scores: pd.DataFrame) -> str:
    """A sentence a published figure: whether it lies in our interval, and where it is from."""
    known = [row for row in scores.to_dict("records") if pd.notna(row["published"])]
    if not known:
        return "The config names no published score of these models."
    return "\n\n".join(map(_beside, known))


def empty(scores: pd.DataFrame) -> str:
    """Where answers have nothing in them, which is a matter of the prompt's form before it is one of knowledge."""
    rows = scores[scores["empty"] > 0]
    if rows.empty:
        return "No answer is empty."
    where = [
        f"{benchmark_title(row['benchmark'])} ({row['protocol']}) {row['empty']:.0f} %"
        for row in rows.to_dict("records")
    ]
    return (
        f"Empty answers: {listing(where)}. The protocols apply no chat template, and a model that was tuned on one may "
        "end at once without it: a low score there says little of what the model knows."
    )


def _beside(row: Mapping[Any, Any]) -> str:
    low, high, other = row["score_low"], row["score_high"], row["published"]
    place = "lies in" if low <= other <= high else "lies above" if other > high else "lies below"
    benchmark = benchmark_title(row["benchmark"])
    return (
        f"{row['model']} on {benchmark} ({row['protocol']}): the published {other:.1f} % {place} our "
        f"interval of {low:.1f} to {high:.1f} % over {row['items']} items. Source: {row['published_source']}."
    )
