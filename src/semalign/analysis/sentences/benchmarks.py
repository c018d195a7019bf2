"""What the scores of models as they are say beside published ones."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from semalign.analysis.sentences.words import told


def published(scores: pd.DataFrame) -> str:
    """A sentence a published figure: whether it lies in our interval, and where it is from."""
    known = [row for row in scores.to_dict("records") if pd.notna(row["published"])]
    if not known:
        return "The config names no published score of these models."
    return "\n\n".join(map(_beside, known))


def _beside(row: Mapping[Any, Any]) -> str:
    low, high, other = row["score_low"], row["score_high"], row["published"]
    place = "lies in" if low <= other <= high else "lies above" if other > high else "lies below"
    return (
        f"{row['model']} on {told(row['benchmark'])} ({row['protocol']}): the published {other:.1f} % {place} our "
        f"interval of {low:.1f} to {high:.1f} % over {row['items']} items. Source: {row['published_source']}."
    )
