"""Equal treatment: the search for learning rates, and the costs and gains of methods."""

import math
from typing import Any

import pandas as pd

from semalign.report.reading import Tables
from semalign.report.templating import once, sentence, tally
from semalign.report.verdicts import against, verdicts
from semalign.report.words import REFERENCES, STUDENT, method_under_study, spread, wholes

SECONDS = ["train_seconds", "search_seconds", "signal_seconds"]
SPENT = ["alone_seconds", "whole_seconds", "alone_flops", "whole_flops"]
KEYS = ["pair", "benchmark", "method"]
BOUNDS = ["difference", "difference_low", "difference_high"]


@sentence("search")
def search(tables: Tables) -> dict[str, Any]:
    """How settings were chosen, where searches ended, which found nothing better than to do nothing."""
    return search_facts(tables)


def search_facts(tables: Tables) -> dict[str, Any]:
    """Numbers of trials, of choices at either end of the learning rates tried (ties left out), and of idle choices."""
    chosen = chosen_trials(tables["search"])
    edge = chosen[(chosen["at_edge"] == 1) & ~chosen["tied"]]
    ends = {
        end: {"methods": once(rows.loc[~rows["ablated"], "method"]), "all": len(rows[~rows["ablated"]])}
        | {"ablated": int(rows["ablated"].sum())}
        for end, rows in (("smallest", edge[edge["smallest"]]), ("largest", edge[~edge["smallest"]]))
    }
    ablated, ties = chosen["ablated"], chosen["tied"]
    counts = {"choices": int((~ablated).sum()), "ablated": int(ablated.sum())}
    counts |= {"tied": int((ties & ~ablated).sum()), "tied_ablated": int((ties & ablated).sum())}
    facts = {"rates": spread(chosen["trials"], 0), **counts, "ends": ends, "fixed": fixed_rates(tables)}
    facts["others"] = bool((chosen["settings"] != "").any())
    return facts | {"widened": _widened(chosen), "idle": _idle(chosen)}


def chosen_trials(table: pd.DataFrame) -> pd.DataFrame:
    """The chosen trial of every search, with what its search found; earlier tables lack some of the columns.

    `trials` counts those of the search, `tied`: all have the same score, `went_on`: some are beyond the grid,
    `smallest`: the lowest learning rate of several with the same other settings.
    """
    settings = table["settings"].fillna("") if "settings" in table else ""
    later = {name: table.get(name, float("nan")) for name in ("widened", "gain")}
    table = table.assign(variant=table.get("variant", "default"), settings=settings, **later)
    names = [*KEYS, "variant"]
    searches, rows = table.groupby(names, sort=False), table.groupby([*names, "settings"], sort=False)
    trials = searches["learning_rate"].transform("size")
    lowest = rows["learning_rate"].transform("min")
    facts = {
        "ablated": table["variant"] != "default",
        "trials": trials,
        "tied": (trials > 1) & (searches["score"].transform("nunique") == 1),
        "went_on": searches["widened"].transform("max") == 1,
        "smallest": (table["learning_rate"] == lowest) & (table["at_edge"] == 1),
        "level": table["gain"] <= 0,
    }
    return table.assign(**facts)[table["chosen"] == 1]


def fixed_rates(tables: Tables) -> list[str]:
    """Trained methods whose learning rate was given and not searched, in a study that searches others."""
    costs = tables.get("costs")
    if costs is None or "searched" not in costs or not (costs["searched"] == 1).any():
        return []
    return once(costs.loc[(costs["searched"] == 0) & (costs["variant"] == "default"), "method"])


def _widened(chosen: pd.DataFrame) -> dict[str, int] | None:
    """Where all searches ended, and how many went on beyond their grid; None if a table does not say it."""
    if chosen["widened"].isna().any() or not chosen["went_on"].any():
        return None
    inside = chosen["at_edge"] == 0
    return {
        "all": len(chosen),
        "went_on": int(chosen["went_on"].sum()),
        "inside": int(inside.sum()),
        "inside_after": int((inside & chosen["went_on"]).sum()),
    }


def _idle(chosen: pd.DataFrame) -> dict[str, Any] | None:
    """Searches whose best is to do nothing: the lowest learning rate, or a score not above the untouched student's."""
    if chosen["gain"].isna().any():
        return None
    idle = chosen[chosen["smallest"] | chosen["level"]]
    return {
        "all": len(idle),
        "of": len(chosen),
        "methods": once(idle.loc[~idle["ablated"], "method"]),
        "lowest": int(idle["smallest"].sum()),
        "level": int(idle["level"].sum()),
    }


@sentence("search")
def edges(tables: Tables) -> dict[str, Any]:
    """How learning rates were chosen, and how many choices are at an edge or do nothing, in short."""
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
    """One row per trained method: its costs, and its difference from the student.

    `seconds` are those of one training, its search and its signals. `alone_*` is one training, `whole_*` the same with
    its signals, both in seconds and in operations (`*_flops`, NaN if the study did not count them). Parts of a mixture
    have no separate costs and are left out, as are methods that took no measurable time.
    """
    gains = comparisons[(comparisons["table"] == "main") & (comparisons["against"] == STUDENT)]
    spent = costs.assign(
        seconds=costs[SECONDS].sum(axis=1, min_count=1),
        alone_seconds=costs["train_seconds"],
        whole_seconds=costs[["train_seconds", "signal_seconds"]].sum(axis=1, min_count=1),
        alone_flops=costs.get("train_flops", math.nan),
        whole_flops=costs.get("train_flops", math.nan) + costs.get("signal_flops", math.nan),
    )
    table = wholes(spent)[[*KEYS, "seconds", *SPENT]].merge(gains[[*KEYS, *BOUNDS]], on=KEYS)
    return table[(table["seconds"] > 0) & ~table["method"].isin(REFERENCES)].dropna(subset=["difference"])
