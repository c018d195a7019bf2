"""Sentences about likeness to the teacher's answers, the parts of a mixture, and maps that cross."""

import pandas as pd

from semalign.report.words import count, interval, listing, place, side, wholes

DEFAULT = "default"
# measure -> its name, unit and digits, and what it does: towards the teacher, away from it, neither
STILL = "does not detectably change"
MEASURES = {
    "kl": ("KL divergence from the teacher", "nats a token", 3, {-1: "falls", 1: "rises", 0: STILL}),
    "agreement": (
        "agreement with the teacher's top-1 token",
        "points",
        1,
        {1: "rises", -1: "falls", 0: STILL},
    ),
}


def agreement(table: pd.DataFrame, method: str) -> str:
    """Whether a method's answers come nearer the teacher's than the student's, by KL and by top-1 agreement.

    The verdicts are those of the intervals of the paired differences, not corrected for several tests.
    """
    cells = wholes(table)
    cells = cells[(cells["method"] == method) & (cells["variant"] == DEFAULT)]
    if cells.empty:
        return f"How near **{method or 'a method'}** comes to the teacher's answers was not measured."
    parts = [_moved(table, cells, measure) for measure in MEASURES]
    return f"With **{method}**, {'; '.join(parts)}. The intervals are not corrected for several tests."


def _moved(table: pd.DataFrame, cells: pd.DataFrame, measure: str) -> str:
    name, unit, digits, words = MEASURES[measure]
    groups: dict[int, list[str]] = {key: [] for key in words}
    for row in cells.to_dict("records"):
        value, low, high = (float(row[f"{measure}_vs_student{end}"]) for end in ("", "_low", "_high"))
        said = f"{place(table, row['pair'], row['benchmark'])} {interval(value, low, high, digits)}"
        groups[side(low, high)].append(said)
    parts = [
        f"{words[key]} on {count(len(places), len(cells), 'benchmark')} ({', '.join(places)})"
        for key, places in groups.items()
        if places
    ]
    return f"the {name} (change from the student in {unit}) {listing(parts)}"


def nearest(table: pd.DataFrame) -> str:
    """The method with the lowest mean KL from the teacher over benchmarks, beside the student."""
    cells = wholes(table)
    cells = cells[cells["variant"] == DEFAULT]
    means = cells.groupby("method", sort=False)["teacher_kl"].mean()
    ranked = means.drop([name for name in ("student", "teacher") if name in means.index])
    if ranked.empty:
        return ""
    beside = f" (student {means['student']:.3f})" if "student" in means.index else ""
    return (
        f"The lowest mean KL from the teacher over benchmarks is that of **{ranked.idxmin()}**, {ranked.min():.3f} "
        f"nats a token{beside}; the highest that of **{ranked.idxmax()}**, {ranked.max():.3f}."
    )


def parts(table: pd.DataFrame, method: str) -> str:
    """On which parts of a mixture a method, trained on all of them, differs from the student."""
    cells = table[(table["method"] == method) & (table["variant"] == DEFAULT)]
    if cells.empty:
        return "No mixture of benchmarks was scored part by part."
    sentences = []
    for _, rows in cells.groupby(["pair", "benchmark"], sort=False):
        where = place(table, *rows[["pair", "benchmark"]].iloc[0])
        groups: dict[int, list[str]] = {1: [], -1: [], 0: []}
        for row in rows.to_dict("records"):
            value, low, high = (float(row[f"vs_student{end}"]) for end in ("", "_low", "_high"))
            groups[side(low, high)].append(f"{row['part']} {interval(value, low, high)}")
        words = {1: "above the student", -1: "below it", 0: "not detectably apart from it"}
        verdicts = [
            f"{words[key]} on {count(len(places), len(rows), 'part')} ({', '.join(places)})"
            for key, places in groups.items()
            if places
        ]
        sentences.append(
            f"Trained on the {where}, **{method}** is {listing(verdicts)}; differences in points, with "
            "intervals that are not corrected for several tests."
        )
    return " ".join(sentences)


def crossing(table: pd.DataFrame) -> str:
    """How often a map keeps the teacher's next token, best and random, read by the student's head."""
    if table.empty:
        return "Whether a map carries predictions across was not measured."
    return " ".join(_crossing(table, str(pair), rows) for pair, rows in table.groupby("pair", sort=False))


def _crossing(table: pd.DataFrame, pair: str, rows: pd.DataFrame) -> str:
    ranked = rows.sort_values("top1_agreement", ascending=False, kind="stable")
    best, paper = ranked.iloc[0], rows[(rows["map"] == "pinv") & ~rows["folded"].astype(bool)]
    random = rows[rows["map"] == "random"]
    lead = f"From teacher to student of {pair}, the" if table["pair"].nunique() > 1 else "The"
    text = f"{lead} teacher's final state keeps its most likely token, read by the student's head, in "
    fold = ", norm folded in" if best["folded"] else ""
    text += f"{_kept(best)} of positions with the best map (**{best['map']}**{fold})"
    text += f", in {_kept(paper.iloc[0])} with the paper's (**pinv**)" if not paper.empty else ""
    text += f", and in {_kept(random.iloc[0])} with a random one" if not random.empty else ""
    if paper.empty or random.empty:
        return f"{text}."
    apart = paper.iloc[0]["top1_low"] > random.iloc[0]["top1_high"]
    close = (
        "so the paper's map carries what the vocabulary shares"
        if apart
        else "so the paper's map carries no more than chance"
    )
    return f"{text}; {close}."


def _kept(row: "pd.Series[float]") -> str:
    return f"{100 * row['top1_agreement']:.1f} % [{100 * row['top1_low']:.1f}, {100 * row['top1_high']:.1f}]"
