"""Equal treatment: the search for learning rates, and the costs and gains of methods."""

from typing import Any

import pandas as pd

from semalign.report.reading import Tables
from semalign.report.templating import once, sentence, tally
from semalign.report.verdicts import against, verdicts
from semalign.report.words import REFERENCES, STUDENT, method_under_study, spread, wholes

SECONDS = ["train_seconds", "search_seconds", "signal_seconds"]
KEYS = ["pair", "benchmark", "method"]
BOUNDS = ["difference", "difference_low", "difference_high"]


@sentence("search")
def search(tables: Tables) -> dict[str, Any]:
    """How learning rates were chosen, and which choices are the smallest or the largest tried."""
    return search_facts(tables)


def search_facts(tables: Tables) -> dict[str, Any]:
    """How many learning rates were tried, and the choices at either end of the grid, ties left out."""
    table = tables["search"]
    ablated = (table["variant"] != "default") if "variant" in table else pd.Series(False, index=table.index)
    searches = table.groupby([*KEYS, *(["variant"] if "variant" in table else [])], sort=False)
    tried = searches["learning_rate"]
    number = tried.transform("nunique")
    tied = (number > 1) & (searches["score"].transform("nunique") == 1)
    chosen = table.assign(smallest=tried.transform("min"), ablated=ablated, tied=tied)[table["chosen"] == 1]
    edge = chosen[(chosen["at_edge"] == 1) & ~chosen["tied"]]
    small = edge["learning_rate"] == edge["smallest"]
    ends = {
        end: {"methods": once(rows.loc[~rows["ablated"], "method"]), "all": len(rows[~rows["ablated"]])}
        | {"ablated": int(rows["ablated"].sum())}
        for end, rows in (("smallest", edge[small]), ("largest", edge[~small]))
    }
    ablated, ties = chosen["ablated"], chosen["tied"]
    counts = {"choices": int((~ablated).sum()), "ablated": int(ablated.sum())}
    counts |= {"tied": int((ties & ~ablated).sum()), "tied_ablated": int((ties & ablated).sum())}
    return {"rates": spread(number, 0), **counts, "ends": ends}


@sentence("search")
def edges(tables: Tables) -> dict[str, Any]:
    """How learning rates were chosen, and how many choices are at an edge, in short."""
    return search_facts(tables)


@sentence("main", "costs", "comparisons")
def gain(tables: Tables) -> dict[str, Any] | None:
    """Cost and gain of the method under study, and the methods that cost less and gain more."""
    method = method_under_study(tables["main"])
    table = costs_and_gains(tables["costs"], tables["comparisons"])
    own = table[table["method"] == method]
    if own.empty:
        return None
    pairs = table.merge(own, on=["pair", "benchmark"], suffixes=("", "_own"))
    cheaper = pairs["seconds"] < pairs["seconds_own"]
    ahead = pairs[cheaper & (pairs["difference_low"] > pairs["difference_high_own"])]
    ahead = ahead.sort_values("difference", ascending=False, kind="stable")
    return {
        "method": method,
        "seconds": own["seconds"].mean(),
        "tally": tally(against(verdicts(tables), method, STUDENT)),
        "ahead": {name: once(rows["method"]) for name, rows in ahead.groupby("benchmark", sort=False)},
    }


def costs_and_gains(costs: pd.DataFrame, comparisons: pd.DataFrame) -> pd.DataFrame:
    """One row per trained method: `seconds` (one training, its search, its signals), difference from the student.

    Parts of a mixture have no separate costs and are left out, as are methods that took no measurable time.
    """
    gains = comparisons[(comparisons["table"] == "main") & (comparisons["against"] == STUDENT)]
    spent = costs.assign(seconds=costs[SECONDS].sum(axis=1, min_count=1))
    table = wholes(spent)[[*KEYS, "seconds"]].merge(gains[[*KEYS, *BOUNDS]], on=KEYS)
    return table[(table["seconds"] > 0) & ~table["method"].isin(REFERENCES)].dropna(subset=["difference"])
