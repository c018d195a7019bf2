"""Sentences about cost against gain."""

import pandas as pd

from semalign.report.words import REFERENCES, count, listing, signed, wholes
from semalign.runtime.tables_text import benchmark_title

SECONDS = ["train_seconds", "search_seconds", "signal_seconds"]
KEYS = ["pair", "benchmark", "method"]
BOUNDS = ["difference", "difference_low", "difference_high"]


def costs_and_gains(costs: pd.DataFrame, comparisons: pd.DataFrame) -> pd.DataFrame:
    """A row a trained method: `seconds` (one training, its search, its signals) and difference from the student.

    Parts of a mixture cost nothing of their own and are left out, as is what took no measurable time.
    """
    gains = comparisons[(comparisons["table"] == "main") & (comparisons["against"] == "student")]
    spent = costs.assign(seconds=costs[SECONDS].sum(axis=1, min_count=1))
    table = wholes(spent)[[*KEYS, "seconds"]].merge(gains[[*KEYS, *BOUNDS]], on=KEYS)
    return table[(table["seconds"] > 0) & ~table["method"].isin(REFERENCES)].dropna(subset=["difference"])


def gain(costs: pd.DataFrame, comparisons: pd.DataFrame, method: str) -> str:
    """Whether another method gains more in less time than this one, and who gains most per second."""
    table = costs_and_gains(costs, comparisons)
    own = table[table["method"] == method]
    if own.empty:
        return f"What **{method or 'a method'}** gains for its cost is not known."
    places = list(own[["pair", "benchmark"]].itertuples(index=False, name=None))
    beaten, rivals = [], set()
    for row in own.to_dict("records"):
        here = table[(table["pair"] == row["pair"]) & (table["benchmark"] == row["benchmark"])]
        ahead = here[(here["seconds"] < row["seconds"]) & (here["difference_low"] > row["difference_high"])]
        beaten += [benchmark_title(row["benchmark"])] if len(ahead) else []
        rivals |= set(ahead["method"])
    named = [name for name in dict.fromkeys(table["method"]) if name in rivals]
    text = (
        f"**{method}** takes {own['seconds'].mean():.1f} s (training, search and signals, mean over benchmarks) for "
        f"{_points(own)}. A method that costs less and gains more, with intervals of the gain apart, stands on "
        f"{count(len(beaten), len(places), 'benchmark')}"
    )
    return text + (f" ({', '.join(beaten)}): {listing(named)}." if beaten else ".")


def _points(own: pd.DataFrame) -> str:
    low, high = own["difference"].min(), own["difference"].max()
    ends = [signed(end) for end in (low, high)]
    return (
        f"a difference of {ends[0]} points"
        if len(own) == 1
        else f"differences of {ends[0]} to {ends[1]} points"
    )
