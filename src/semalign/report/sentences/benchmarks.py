"""Scores of models as they are, next to published ones."""

from typing import Any

import pandas as pd

from semalign.report.reading import Tables
from semalign.report.sentences.layers import rebuilt
from semalign.report.sentences.scores import best_of, gains
from semalign.report.templating import sentence
from semalign.report.words import method_under_study, spread


@sentence()
def answer(tables: Tables) -> dict[str, Any] | None:
    """What came out of a study, in one line of a table."""
    if "main" in tables:
        tallies, method = gains(tables), method_under_study(tables["main"])
        best = best_of(tallies)
        return {"tallies": {name: tallies[name] for name in dict.fromkeys([method, best]) if name in tallies}}
    if "decomposition" in tables and (facts := rebuilt(tables)):
        return facts
    if "benchmarks" in tables:
        return {"scores": spread(tables["benchmarks"]["score"]), "published": published(tables)}
    return None


@sentence("benchmarks")
def scored(tables: Tables) -> dict[str, Any]:
    """One line per benchmark: the score under each protocol, of several models the best."""
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
    """How many answers contain nothing, which is a matter of the prompt before it is one of knowledge."""
    rows: pd.DataFrame = tables["benchmarks"]
    return {"rows": rows[rows["empty"] > 0].to_dict("records")}
