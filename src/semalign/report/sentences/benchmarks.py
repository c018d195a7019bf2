"""Scores of models as they are, next to published ones."""

from typing import Any

import pandas as pd

from semalign.report.reading import Tables
from semalign.report.sentences.budgets import search_facts
from semalign.report.sentences.layers import rebuilt
from semalign.report.sentences.scores import best_of, gains, raising
from semalign.report.templating import once, sentence
from semalign.report.words import method_under_study, spread, wholes

CHANCE = {"mmlu": 25.0}  # benchmark -> the score of guessing, in percent


@sentence()
def answer(tables: Tables) -> dict[str, Any] | None:
    """Answer of a study, for one line of a table."""
    if "main" in tables:
        tallies, method = gains(tables), method_under_study(tables["main"])
        helpers = raising(tallies)
        best = best_of(helpers or tallies)
        tests = {"tally": tallies.get(best), "own": tallies.get(method)}
        return {"helpers": len(helpers), "methods": len(tallies), "best": best, "method": method, **tests}
    if "decomposition" in tables and (means := rebuilt(tables)):
        return means
    if "benchmarks" in tables:
        rows = tables["benchmarks"]
        widest = (rows["score_high"] - rows["score_low"]).max()
        return {"scores": spread(rows["score"]), "widest": widest, "published": published(tables)}
    return None


@sentence()
def trust(tables: Tables) -> dict[str, Any] | None:
    """Limits of a study's answer: seeds, test items, learning rates at an edge, and scores at chance."""
    facts: dict[str, Any] = {"seeds": 0, "items": "", "edges": None, "models": 0, "guessed": []}
    if "main" in tables and len(tables["main"]):
        whole = wholes(tables["main"])
        facts |= {"seeds": int(whole["seeds"].max()), "items": spread(whole["items"], 0)}
        facts["edges"] = search_facts(tables) if "search" in tables and len(tables["search"]) else None
        return facts
    if "decomposition" in tables and len(tables["decomposition"]):
        return facts | {"models": tables["decomposition"]["model"].nunique()}
    if "benchmarks" in tables and len(tables["benchmarks"]):
        rows = tables["benchmarks"]
        chance = rows["benchmark"].map(CHANCE)
        guessed = once(rows.loc[(rows["score_low"] <= chance), "benchmark"])
        return facts | {
            "items": spread(rows["items"], 0),
            "guessed": [(name, CHANCE[name]) for name in guessed],
        }
    return None


@sentence("benchmarks")
def scored(tables: Tables) -> dict[str, Any]:
    """One line per benchmark: the score under each protocol, that of the best model if there are several."""
    table = tables["benchmarks"]
    best = table.loc[table.groupby(["benchmark", "protocol"], sort=False)["score"].idxmax()]
    lines = {name: rows.to_dict("records") for name, rows in best.groupby("benchmark", sort=False)}
    return {"lines": lines, "several": table["model"].nunique() > 1}


@sentence("benchmarks")
def published(tables: Tables) -> dict[str, Any] | None:
    """How many published scores are within the study's intervals, and which are not."""
    known = tables["benchmarks"].dropna(subset=["published"])
    inside = known["published"].between(known["score_low"], known["score_high"])
    outside = known[~inside].to_dict("records")
    return {"total": len(known), "inside": int(inside.sum()), "outside": outside} if len(known) else None


@sentence("benchmarks")
def empty(tables: Tables) -> dict[str, Any]:
    """How many answers are empty, which usually is due to the prompt rather than to missing knowledge."""
    rows: pd.DataFrame = tables["benchmarks"]
    return {"rows": rows[rows["empty"] > 0].to_dict("records")}
