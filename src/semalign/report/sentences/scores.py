"""Sentences about the main table: who scores higher than whom, what of the gap closes, at what cost."""

import math
from typing import Any

import pandas as pd

from semalign.report.levels import Levels
from semalign.report.words import (
    REFERENCES,
    STUDENT,
    TEACHER,
    count,
    listing,
    methods_of,
    p_value,
    place,
    signed,
    verdict,
    wholes,
)

PHRASES = {
    "higher": "scores higher than {rival} on {share}",
    "lower": "scores lower than {rival} on {share}",
    "undecided": "shows no detectable difference from {rival} on {share}",
    "untested": "is not tested against {rival} on {share}",
}
RIVALS = {"student": "the student", "best_baseline": "the best baseline"}


def compare(
    main: pd.DataFrame,
    method: str,
    against: str = STUDENT,
    comparisons: pd.DataFrame | None = None,
    *,
    levels: Levels,
) -> str:
    """How one method stands against `student` or `best_baseline` on each benchmark, by the paired tests.

    With the table of comparisons, each best baseline is named.
    """
    cells = wholes(main[main["method"] == method])
    if cells.empty:
        return f"**{method or 'No method'}** was not scored."
    names = _baselines(comparisons, method) if against == "best_baseline" else {}
    groups: dict[str, list[str]] = {word: [] for word in PHRASES}
    for _, cell in cells.iterrows():
        said = verdict(cell[f"vs_{against}"], cell[f"vs_{against}_p"], levels)
        where = (cell["pair"], cell["benchmark"])
        numbers = "" if said == "untested" else f" ({_test(cell, against, names.get(where, ''))})"
        groups[said].append(place(main, *where) + numbers)
    parts = [
        PHRASES[word].format(rival=RIVALS[against], share=count(len(places), len(cells), "benchmark"))
        + ": "
        + ", ".join(places)
        for word, places in groups.items()
        if places
    ]
    return f"**{method}** {'; it '.join(parts)}."


def _test(cell: "pd.Series[Any]", against: str, baseline: str) -> str:
    """`+1.2 points, p = 0.03`, before it the baseline's name where it is known."""
    numbers = f"{signed(cell[f'vs_{against}'])} points, {p_value(cell[f'vs_{against}_p'])}"
    return f"{baseline}, {numbers}" if baseline else numbers


def _baselines(comparisons: pd.DataFrame | None, method: str) -> dict[tuple[str, str], str]:
    """(pair, benchmark) -> the best baseline of one method in the main table."""
    if comparisons is None:
        return {}
    rows = comparisons[(comparisons["table"] == "main") & (comparisons["against"] == "best_baseline")]
    rows = rows[rows["method"] == method]
    return {(row["pair"], row["benchmark"]): str(row["baseline"]) for _, row in rows.iterrows()}


def detectable(table: pd.DataFrame, against: str = STUDENT) -> str:
    """From which size on a single test of the main table can be expected to find a difference."""
    rows = table[(table["table"] == "main") & (table["against"] == against)].dropna(subset=["detectable"])
    if rows.empty:
        return "From which size on a difference would be seen is not known."
    ranked = rows.sort_values("detectable", kind="stable")
    sizes = [
        f"{row['detectable']:.1f} points ({place(rows, row['pair'], row['benchmark'])})"
        for _, row in ranked.iloc[[0, -1]].iterrows()
    ]
    return (
        f"A single paired test against {RIVALS[against]} can be expected to find differences from "
        f"{' to '.join(dict.fromkeys(sizes))} on; smaller ones may exist unseen."
    )


def teacher_above_student(main: pd.DataFrame, levels: Levels) -> str:
    """Whether there is a gap to close: on how many benchmarks the teacher scores higher than the student."""
    cells = wholes(main[main["method"] == TEACHER])
    if cells.empty:
        return "The teacher was not scored, so that the gap is unknown."
    higher = cells.apply(_beats_student, axis=1, levels=levels).astype(bool)
    text = (
        f"The teacher scores higher than the student on {count(int(higher.sum()), len(cells), 'benchmark')}"
    )
    if higher.any():
        low, high = cells.loc[higher, "vs_student"].min(), cells.loc[higher, "vs_student"].max()
        text += f" (by {low:.1f} points)" if higher.sum() == 1 else f" (by {low:.1f} to {high:.1f} points)"
    rest = [place(main, cell["pair"], cell["benchmark"]) for _, cell in cells[~higher].iterrows()]
    return text + (f"; there is no detectable gap to close on {listing(rest)}." if rest else ".")


def best_on_average(main: pd.DataFrame, levels: Levels) -> str:
    """Pair by pair, the method with the highest mean score over benchmarks, and what its tests say."""
    main = wholes(main)
    several = main["pair"].nunique() > 1
    sentences = [_best_of_pair(block, several, levels) for _, block in main.groupby("pair", sort=False)]
    return " ".join(sentence for sentence in sentences if sentence) or "No method was scored."


def _best_of_pair(block: pd.DataFrame, named: bool, levels: Levels) -> str:
    means = block.groupby("method", sort=False)["score"].mean()
    ranked = means[methods_of(block)]
    if ranked.empty:
        return ""
    best = str(ranked.idxmax())
    cells = block[block["method"] == best]
    won = int(cells.apply(_beats_student, axis=1, levels=levels).sum())
    lead = f"For {block['pair'].iloc[0]}, the" if named else "The"
    references = ", ".join(f"{name} {means[name]:.1f} %" for name in REFERENCES if name in means.index)
    return (
        f"{lead} highest mean score over benchmarks is that of **{best}**, {ranked[best]:.1f} %"
        f"{f' ({references})' if references else ''}; it scores detectably higher than the student on "
        f"{count(won, len(cells), 'benchmark')}."
    )


def _beats_student(cell: "pd.Series[Any]", levels: Levels) -> bool:
    return verdict(cell["vs_student"], cell["vs_student_p"], levels) == "higher"


def gap_closed(main: pd.DataFrame, method: str) -> str:
    """How much of the gap a method closes where it is defined, and how many intervals exclude zero."""
    cells = wholes(main[main["method"] == method])
    shares = cells.dropna(subset=["gap_closed", "gap_closed_low", "gap_closed_high"])
    if cells.empty:
        return f"**{method or 'No method'}** was not scored."
    if shares.empty:
        return (
            f"The gap closed by **{method}** is undefined: the teacher is nowhere clearly above the student."
        )
    above, below = int((shares["gap_closed_low"] > 0).sum()), int((shares["gap_closed_high"] < 0).sum())
    text = (
        f"Of the gap, **{method}** closes {listing([_share(main, cell) for _, cell in shares.iterrows()])}; "
        f"the interval lies above zero on {count(above, len(shares), 'benchmark')}"
    )
    text += f" and below zero on {below}" if below else ""
    undefined = len(cells) - len(shares)
    return text + (f" (undefined on {undefined} more)." if undefined else ".")


def _share(main: pd.DataFrame, cell: "pd.Series[Any]") -> str:
    share, low, high = (
        f"{100 * cell[name]:.0f}".replace("-", "−")
        for name in ("gap_closed", "gap_closed_low", "gap_closed_high")
    )
    return f"{share} % on {place(main, cell['pair'], cell['benchmark'])} [{low} to {high}]"


def nearer_teacher(main: pd.DataFrame, method: str) -> str:
    """Whether the answers come nearer the teacher's: KL divergence and top-1 agreement, before and after."""
    keys = ["pair", "benchmark"]
    measured = ["teacher_kl", "teacher_agreement"]
    main = wholes(main)
    before = main.loc[main["method"] == STUDENT, [*keys, *measured]]
    both = main.loc[main["method"] == method, [*keys, *measured]].merge(
        before, on=keys, suffixes=("", "_before")
    )
    both = both.dropna()
    if both.empty:
        return f"How near **{method}** comes to the teacher's answers was not measured."
    kl = both["teacher_kl"] - both["teacher_kl_before"]
    agreement = both["teacher_agreement"] - both["teacher_agreement_before"]
    fell = count(int((kl < 0).sum()), len(both), "benchmark")
    return (
        f"With **{method}**, the KL divergence from the teacher falls on {fell} (mean change "
        f"{signed(kl.mean(), 3)} nats a token), and the agreement with its top-1 token changes by "
        f"{signed(agreement.mean())} points on average. No test stands behind these two numbers."
    )


def cost(main: pd.DataFrame, method: str) -> str:
    """How long a method trains, beside the cheapest and the dearest of the others."""
    means = wholes(main).groupby("method", sort=False)["train_seconds"].mean()
    others = means[[name for name in methods_of(main) if name != method]].dropna()
    if method not in means.index or math.isnan(means[method]):
        return f"What **{method or 'a method'}** costs was not recorded."
    text = f"**{method}** trains for {means[method]:.1f} s a cell on average"
    if others.empty:
        return text + "."
    low, high = str(others.idxmin()), str(others.idxmax())
    if low == high:
        return f"{text}, {low} for {others[low]:.1f} s."
    return f"{text}, the others for {others[low]:.1f} s ({low}) to {others[high]:.1f} s ({high})."
