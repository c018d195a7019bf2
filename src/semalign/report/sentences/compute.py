"""Gains at equal compute: operations of one training and of its signals, and how those of two methods compare."""

from typing import Any

import pandas as pd

from semalign.report.reading import Tables
from semalign.report.sentences.budgets import costs_and_gains
from semalign.report.templating import sentence
from semalign.report.words import spread

REACHED = 0.8  # share of a baseline's gain from which a cheaper method is named
EQUAL = 1.25  # factor within which two methods have equal compute
NAMED = 5  # cheaper methods that are named per baseline
BASELINES = ("sft", "distill-logits")
SHARES = ["difference", "alone_flops", "whole_flops", "alone_seconds", "whole_seconds"]


@sentence("costs", "comparisons")
def compute(tables: Tables) -> dict[str, Any] | None:
    """Methods that reach most of the gain of fine-tuning and of distillation with clearly fewer operations."""
    table = costs_and_gains(tables["costs"], tables["comparisons"])
    known = {name: means_where_trained(table, name).dropna(subset=["whole_flops"]) for name in BASELINES}
    gains = {name: float(means["difference"].get(name, 0)) for name, means in known.items()}
    baselines = [name for name in BASELINES if gains[name] > 0]
    if not baselines:
        return None
    return {
        "reached": REACHED,
        "factor": EQUAL,
        "baselines": [
            {"name": name, "gain": gains[name], "cheaper": _cheaper(known[name], name)} for name in baselines
        ],
    }


def means_where_trained(table: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """Means by method over the pairs and benchmarks of a baseline, of the methods that are trained on all of them.

    NaN for a cost that was not measured everywhere.
    """
    where = ["pair", "benchmark"]
    places = table.loc[table["method"] == baseline, where]
    groups = table.merge(places, on=where).groupby("method", sort=False)[SHARES]
    means: pd.DataFrame = groups.mean()
    means = means.where(groups.count().eq(groups.size(), axis=0))
    return means[groups.size() == len(places)]


def _cheaper(means: pd.DataFrame, baseline: str) -> list[dict[str, Any]]:
    """Methods that reach `REACHED` of the gain below equal compute, signals included; the cheapest first."""
    shares = (means / means.loc[baseline]).drop(index=baseline)
    found = shares[(shares["difference"] >= REACHED) & (shares["whole_flops"] < 1 / EQUAL)]
    ranked = found.sort_values("whole_flops", kind="stable")[:NAMED]
    return [{"method": name, **row} for name, row in zip(ranked.index, _records(ranked), strict=True)]


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


@sentence("contrasts")
def equal_compute(tables: Tables) -> dict[str, Any] | None:
    """The contrasts that compare methods with equal compute, with their ratios, and the range of the others."""
    table = tables["contrasts"]
    if "flops_ratio" not in table or table["flops_ratio"].isna().all():
        return None
    sides = table.groupby(["method", "other"], sort=False)
    rows = [_ratios(own) for _, own in sides if own["flops_ratio"].notna().all()]
    others = [ratio for row in rows if not row["equal"] for ratio in row["ratios"]]
    return {
        "factor": EQUAL,
        "total": len(rows),
        "equal": [row for row in rows if row["equal"]],
        "others": spread(others, 2) if others else "",
    }


def _ratios(own: pd.DataFrame) -> dict[str, Any]:
    """One contrast: its ratios, that over all benchmarks, and whether compute is equal on each of them."""
    ratios = own["flops_ratio"]
    whole = own.loc[own["benchmark"] == "mean", "flops_ratio"]
    return {
        "method": own["method"].iloc[0],
        "other": own["other"].iloc[0],
        "ratios": ratios.tolist(),
        "ratio": float((whole if len(whole) else ratios).mean()),
        "equal": bool(ratios.between(1 / EQUAL, EQUAL).all()),
    }
