"""The doses in words: which targets help the student, at which dose, and what the largest dose does."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from semalign.report.levels import Levels
from semalign.report.reading import Tables
from semalign.report.sentences.ladder import WHERE, named_place
from semalign.report.templating import sentence
from semalign.report.words import REFERENCES, verdict, wholes


@sentence("dose")
def dose(tables: Tables) -> dict[str, Any] | None:
    """For each method: its highest score and that dose, and its score at the largest dose, against the student."""
    rows = wholes(tables["dose"]).dropna(subset=["drop"])
    doses = rows[~rows["method"].isin(REFERENCES)]
    if doses.empty:
        return None
    where = [column for column in WHERE if doses[column].nunique() > 1]
    blocks = [block for _, block in doses.groupby(WHERE, sort=False)]
    places = [_place(block, tables.levels) | named_place(block, where) for block in blocks]
    facts = {"places": places, "family": int(tables["dose"]["vs_student_p"].notna().sum())}
    return facts | {"single": int(doses.groupby([*WHERE, "method"]).size().max()) == 1 and len(doses) > 1}


def _place(block: pd.DataFrame, levels: Levels) -> dict[str, Any]:
    found = [_method(rows, levels) for _, rows in _distinct(block).groupby("method", sort=False)]
    groups = {
        name: [one for one in found if one["group"] == name] for name in ("helps", "damages", "neither")
    }
    quiet = [row for one in groups["neither"] for row in one["doses"]]
    return {**groups, "targets": len(found), "quiet": quiet}


def _distinct(block: pd.DataFrame) -> pd.DataFrame:
    """The rows without methods of which every dose is also one of an earlier method: the same training, named twice."""
    seen: set[tuple[float, float]] = set()
    kept = []
    for method, rows in block.groupby("method", sort=False):
        doses = set(zip(rows["drop"], rows["score"], strict=True))
        if not doses <= seen:
            kept.append(method)
        seen |= doses
    return block[block["method"].isin(kept)]


def _method(rows: pd.DataFrame, levels: Levels) -> dict[str, Any]:
    """The best and the largest dose of a method; it helps if a dose is above the student, else damages if one is below.

    `doses` are all of them, the smallest first.
    """
    ranked = rows.sort_values("drop", kind="stable").to_dict("records")
    doses = [_judged(row, levels) for row in ranked]
    words = {row["verdict"] for row in doses}
    group = "helps" if "higher" in words else "damages" if "lower" in words else "neither"
    raised = [row for row in doses if row["verdict"] == "higher"]
    best = max(raised or doses, key=lambda row: row["score"])
    least = next((row for row in doses if row["verdict"] == "lower"), None)
    facts = {"method": doses[0]["method"], "group": group, "doses": doses, "best": best}
    return facts | {"least": least, "largest": doses[-1], "same": best is doses[-1]}


def _judged(row: Mapping[Any, Any], levels: Levels) -> dict[str, Any]:
    """A dose with its difference from the student, as templates print it, and the verdict of its test."""
    tested = {"difference": row["vs_student"], "low": row["vs_student_low"], "high": row["vs_student_high"]}
    tested |= {"p": row["vs_student_p"], "verdict": verdict(row["vs_student"], row["vs_student_p"], levels)}
    return {name: row[name] for name in ("method", "score", "drop")} | tested
