"""Measurements of the models as they are, as readers see them."""

import pandas as pd

from semalign.report.display.texts import BOUNDS, shown, with_interval
from semalign.report.names import spell
from semalign.report.reading import Tables


@shown("head")
def head_table(tables: Tables) -> pd.DataFrame:
    """How much of the final state and of its most likely token is kept: one row per model and kind of bases."""
    head = tables["head"]
    percent = head.assign(**{f"kept{end}": 100 * head[f"top1{end or '_agreement'}"] for end in BOUNDS})
    return pd.DataFrame(
        {
            "model": head["model"].map(spell),
            "bases": head["bases"],
            "norm folded in": head["folded"].map({True: "yes", False: "no"}),
            "same next token (%)": [with_interval(row, "kept") for row in percent.to_dict("records")],
            "cosine": head["cosine"].map("{:.3f}".format),
        }
    )


@shown("benchmarks")
def benchmark_table(tables: Tables) -> pd.DataFrame:
    """Models as they are: score `[low, high]` in percent, published scores, and how fast they were measured."""
    scores = tables["benchmarks"]
    return pd.DataFrame(
        {
            "model": scores["model"].map(spell),
            "benchmark": scores["benchmark"].map(spell),
            "protocol": scores["protocol"],
            "items": scores["items"],
            "score (%)": [with_interval(row, "score") for row in scores.to_dict("records")],
            "empty answers (%)": scores["empty"].map("{:.0f}".format),
            "published (%)": scores["published"].map(lambda value: "" if pd.isna(value) else f"{value:.1f}"),
            "items per second": scores["items_per_second"].map("{:.2f}".format),
            "tokens per second": scores["tokens_per_second"].map("{:,.0f}".format),
            "isolation": scores["isolation"],
        }
    )
