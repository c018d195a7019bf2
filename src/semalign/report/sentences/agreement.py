"""Similarity to the teacher: of answers, of mapped states, and of layers."""

from typing import Any

import pandas as pd

from semalign.report.reading import Tables
from semalign.report.templating import sentence, tally
from semalign.report.words import REFERENCES, STUDENT, method_under_study, side, wholes

WHERE = ["pair", "benchmark"]
WORDS = {1: "higher", -1: "lower", 0: "undecided"}


@sentence("agreement")
def agreement(tables: Tables) -> dict[str, Any] | None:
    """Whether answers come closer to the teacher's, by the uncorrected intervals of KL and top-1 agreement."""
    cells = wholes(tables["agreement"])
    cells = cells[cells["variant"] == "default"]
    trained = cells[~cells["method"].isin(REFERENCES)]
    if trained.empty:
        return None
    method = method_under_study(trained)
    divergences = trained.groupby("method", sort=False)["teacher_kl"]
    means, sizes = divergences.mean(), divergences.size()
    best = str(means[sizes == sizes.max()].idxmin())  # a mean over fewer benchmarks can't be compared
    places = trained.loc[trained["method"] == best, WHERE]
    student = cells[cells["method"] == STUDENT].merge(places, on=WHERE)["teacher_kl"]
    own = trained[trained["method"] == method]
    return {
        "method": method,
        "own": {measure: moved(own, measure) for measure in ("kl", "agreement")} if len(own) else None,
        "all": {measure: moved(trained, measure) for measure in ("kl", "agreement")},
        "best": best,
        "kl": {"best": means[best], STUDENT: student.mean() if len(student) else None},
    }


def moved(cells: pd.DataFrame, measure: str) -> dict[str, Any]:
    """The change of a measure from the student, judged by its interval, which is not corrected."""
    names = {
        f"{measure}_vs_student{end}": name
        for end, name in (("", "difference"), ("_low", "low"), ("_high", "high"))
    }
    rows = cells.rename(columns=names)
    return tally(rows.assign(verdict=[WORDS[side(*ends)] for ends in rows[["low", "high"]].to_numpy()]))


@sentence("crossing")
def crossing(tables: Tables) -> dict[str, Any]:
    """How often the student's head reads the teacher's next token from a mapped state: best, paper's and random map."""
    groups = tables["crossing"].groupby("pair", sort=False)
    return {"pairs": {pair: _crossing(rows) for pair, rows in groups}}


def _crossing(rows: pd.DataFrame) -> dict[str, Any]:
    best = rows.iloc[int(rows["top1_agreement"].argmax())].to_dict()
    paper, random = rows[(rows["map"] == "pinv") & ~rows["folded"]], rows[rows["map"] == "random"]
    kept: dict[str, Any] = {"best": best}
    kept |= {
        name: found.iloc[0].to_dict() for name, found in (("paper", paper), ("random", random)) if len(found)
    }
    both = len(paper) and len(random)
    separate = bool(both) and paper["top1_low"].iloc[0] > random["top1_high"].iloc[0]
    return {"kept": kept, "judged": bool(both), "separate": separate}


@sentence("main", "similarity")
def similarity(tables: Tables) -> dict[str, Any] | None:
    """How the CKA between teacher and student layers changes with the method under study; not tested.

    If that method was not measured, the first one that was takes its place.
    """
    table, method = tables["similarity"], method_under_study(tables["main"])
    measured = table.loc[table["comparison"] == "teacher~student-after", "method"].dropna()
    if method not in set(measured) and len(measured):
        method = str(measured.iloc[0])
    keys = ["pair", "benchmark", "left_layer", "right_layer"]
    after = table[(table["comparison"] == "teacher~student-after") & (table["method"] == method)]
    before = table[table["comparison"] == "teacher~student-before"].drop_duplicates(keys)
    both = after.merge(before, on=keys, suffixes=("", "_before")).dropna(subset=["cka_debiased"])
    if both.empty:
        return None
    change = both["cka_debiased"] - both["cka_debiased_before"]
    plain = (both["cka"] - both["cka_before"]).mean()
    facts = {"method": method, "mean": change.mean(), "plain": plain, "rises": int((change > 0).sum())}
    return {**facts, "total": len(both), "top": both.iloc[int(change.abs().argmax())].to_dict()}
