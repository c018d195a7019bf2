"""Which student to use, by the ranking on the validation split."""

from typing import Any

import pandas as pd

from semalign.report.reading import Tables
from semalign.report.templating import sentence


@sentence("ranking")
def ship(tables: Tables) -> dict[str, Any]:
    """The one to ship on each pair and benchmark, or that no method is above the untouched student."""
    ranking = tables["ranking"]
    chosen = ranking[ranking["ship"] == 1]
    where = [name for name in ("pair", "benchmark") if ranking[name].nunique() > 1]
    return {
        "rows": [_facts(row, tables) for _, row in chosen.iterrows()],
        "where": where,
        "methods": int((ranking["rank"][ranking["seed"].isna()]).max()),
    }


def _facts(row: pd.Series, tables: Tables) -> dict[str, Any]:
    """A row with its place, and whether it is a trained student, clearly above the untouched one, and no control.

    `equal` says that all methods of its ranking have one score.
    """
    ranking = tables["ranking"]
    same = (ranking["pair"] == row["pair"]) & (ranking["benchmark"] == row["benchmark"])
    scores = ranking[same & ranking["seed"].isna()]["validation"]
    trained = not pd.isna(row["vs_student"])
    return {
        **{str(name): value for name, value in row.items()},
        "seed": int(row["seed"]),
        "trained": trained,
        "equal": len(scores) > 1 and scores.nunique() == 1,
        "helps": trained and row["vs_student_low"] > 0,
        "control": tables.levels.is_control(row["method"]),
        "difference": row["vs_student"],
        "low": row["vs_student_low"],
        "high": row["vs_student_high"],
    }
