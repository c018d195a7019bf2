"""Sentences about the main table: who scores higher than whom, and at what cost."""

import math
from typing import Any

import pandas as pd

from semalign.analysis.sentences.words import (
    REFERENCES,
    STUDENT,
    TEACHER,
    count,
    listing,
    methods_of,
    p_value,
    signed,
    verdict,
)


def compare(main: pd.DataFrame, method: str, against: str = STUDENT) -> str:
    """How one method stands against `student` or `best_baseline` on each benchmark, by the paired tests."""
    rival = f"vs_{against}"
    other = {"student": "the student", "best_baseline": "the best baseline"}[against]
    cells = main[main["method"] == method]
    groups: dict[str, list[str]] = {"higher": [], "lower": [], "no detectable difference": [], "not tested": []}
    for _, cell in cells.iterrows():
        said = verdict(cell[rival], cell[f"{rival}_p"])
        numbers = f" ({signed(cell[rival])} points, {p_value(cell[f'{rival}_p'])})" if said != "not tested" else ""
        groups[said].append(_place(main, cell) + numbers)
    if not len(cells):
        return f"**{method}** is not in this table."
    total = len(cells)
    parts = [
        f"scores {word} than {other} on {count(len(groups[word]), total, 'benchmark')}{_named(groups[word])}"
        for word in ("higher", "lower")
        if groups[word] or word == "higher"
    ]
    parts += [
        f"{phrase} on {count(len(groups[word]), total, 'benchmark')}{_named(groups[word])}"
        for word, phrase in (("no detectable difference", "shows no detectable difference"), ("not tested", "is not tested"))
        if groups[word]
    ]
    return f"**{method}** {listing(parts)}."


def _named(places: list[str]) -> str:
    return f": {', '.join(places)}" if places else ""


def _place(main: pd.DataFrame, cell: "pd.Series[Any]") -> str:
    return f"{cell['benchmark']} of {cell['pair']}" if main["pair"].nunique() > 1 else str(cell["benchmark"])


def teacher_above_student(main: pd.DataFrame) -> str:
    """Whether there is a gap to close: on how many benchmarks the teacher scores higher than the student."""
    cells = main[main["method"] == TEACHER]
    above = [cell for _, cell in cells.iterrows() if verdict(cell["vs_student"], cell["vs_student_p"]) == "higher"]
    rest = [_place(main, cell) for _, cell in cells.iterrows() if not any(cell is other for other in above)]
    if not len(cells):
        return "The teacher was not scored, so that the gap is unknown."
    text = f"The teacher scores higher than the student on {count(len(above), len(cells), 'benchmark')}"
    if above:
        low, high = min(c["vs_student"] for c in above), max(c["vs_student"] for c in above)
        text += f" (by {low:.1f} points)" if len(above) == 1 else f" (by {low:.1f} to {high:.1f} points)"
    return text + (f"; on {listing(rest)} there is no detectable gap to close." if rest else ".")


def best_on_average(main: pd.DataFrame) -> str:
    """Which method has the highest mean score over benchmarks, pair by pair, and whether that is a finding."""
    sentences = []
    for pair in dict.fromkeys(main["pair"]):
        block = main[main["pair"] == pair]
        means = block.groupby("method", sort=False)["score"].mean()
        ranked = means[[name for name in means.index if name not in REFERENCES]].sort_values(ascending=False)
        if ranked.empty:
            continue
        best = ranked.index[0]
        references = [f"{name} {means[name]:.1f}" for name in REFERENCES if name in means.index]
        beside = f" ({', '.join(references)})" if references else ""
        won = int((block[block["method"] == best].apply(_beats_student, axis=1)).sum())
        total = int((block["method"] == best).sum())
        place = f"For {pair}, the" if main["pair"].nunique() > 1 else "The"
        sentences.append(
            f"{place} highest mean score over benchmarks is that of **{best}**, {ranked.iloc[0]:.1f} %{beside}; "
            f"it scores detectably higher than the student on {count(won, total, 'benchmark')}."
        )
    return " ".join(sentences) or "No method was scored."


def _beats_student(cell: "pd.Series[Any]") -> bool:
    return verdict(cell["vs_student"], cell["vs_student_p"]) == "higher"


def gap_closed(main: pd.DataFrame, method: str) -> str:
    """How much of the gap a method closes where it is defined, and how many intervals exclude 0."""
    cells = main[main["method"] == method].dropna(subset=["gap_closed"])
    total = int((main["method"] == method).sum())
    if cells.empty:
        return f"The gap that **{method}** closes is undefined: the teacher is nowhere clearly above the student."
    shares = [
        f"{100 * cell['gap_closed']:.0f} % on {_place(main, cell)} "
        f"[{100 * cell['gap_closed_low']:.0f}, {100 * cell['gap_closed_high']:.0f}]".replace("-", "−")
        for _, cell in cells.iterrows()
    ]
    closed, widened = int((cells["gap_closed_low"] > 0).sum()), int((cells["gap_closed_high"] < 0).sum())
    text = f"**{method}** closes {listing(shares)} of the gap; the interval lies above zero on "
    text += count(closed, len(cells), "benchmark")
    text += f" and below zero on {widened}" if widened else ""
    left = total - len(cells)
    return text + (f" ({left} more {'has' if left == 1 else 'have'} no gap to speak of)." if left else ".")


def nearer_teacher(main: pd.DataFrame, method: str) -> str:
    """Whether the student's answers come nearer the teacher's: KL divergence and top-1 agreement, before and after."""
    keys = ["pair", "benchmark"]
    columns = [*keys, "teacher_kl", "teacher_agreement"]
    before = main.loc[main["method"] == STUDENT, columns]
    both = main.loc[main["method"] == method, columns].merge(before, on=keys, suffixes=("", "_before"))
    both = both.dropna(subset=["teacher_kl", "teacher_kl_before"])
    if both.empty:
        return f"How near **{method}** comes to the teacher's answers was not measured."
    fell = int((both["teacher_kl"] < both["teacher_kl_before"]).sum())
    change = (both["teacher_kl"] - both["teacher_kl_before"]).mean()
    agreement = (both["teacher_agreement"] - both["teacher_agreement_before"]).mean()
    return (
        f"After **{method}**, the KL divergence from the teacher falls on {count(fell, len(both), 'benchmark')} "
        f"(mean change {signed(change, 3)} nats a token) and top-1 agreement with the teacher changes by "
        f"{signed(agreement)} points on average; these are descriptions, no test stands behind them."
    )


def cost(main: pd.DataFrame, method: str) -> str:
    """What a method costs to train, beside the cheapest and the dearest of the others."""
    means = main.groupby("method", sort=False)["train_seconds"].mean()
    others = means[[name for name in methods_of(main) if name != method]].dropna()
    if method not in means.index or math.isnan(means[method]):
        return f"What **{method}** costs was not recorded."
    text = f"**{method}** trains for {means[method]:.1f} s a cell on average"
    if others.empty:
        return text + "."
    low, high = others.idxmin(), others.idxmax()
    if low == high:
        return f"{text}; {low} for {others[low]:.1f} s."
    return f"{text}; the others for {others[low]:.1f} s ({low}) to {others[high]:.1f} s ({high})."
