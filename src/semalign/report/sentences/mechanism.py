"""Sentences about how the transfer works: critical layers, pairs, losses, and space against behaviour."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import pandas as pd

from semalign.report.levels import Levels
from semalign.report.relation import Correlation, by_variant, rank_correlation, trained
from semalign.report.words import STUDENT, count, listing, place, side, signed

DEFAULT = "default"
WHERE = ["pair", "benchmark"]
TOWARDS = {
    "teacher_kl": -1,
    "teacher_agreement": 1,
}  # the sign of a relation that makes the student more alike
NAMES = {"teacher_kl": "KL from the teacher", "teacher_agreement": "top-1 agreement", "score": "score"}
Pairs = list[tuple[int, tuple[tuple[int, float], ...]]]  # student layer, teacher layers with their weights
EDGE = 0.1  # share of a training's steps that stands for its start, and for its end


class _Question(NamedTuple):
    """Whose variants are looked at alone, and by which levels."""

    method: str
    levels: Levels


def attribution(table: pd.DataFrame) -> str:
    """Which teacher layer is critical on each benchmark, and how often the other ways of counting agree."""
    top = table[table["critical"] == 1]
    default = top[top["name"] == DEFAULT]
    if default.empty:
        return "No teacher layer was attributed by the default settings."
    named = [
        f"{row['layer']} on {place(table, row['pair'], row['benchmark'])} (share {100 * row['share']:.0f} % "
        f"[{100 * row['share_low']:.0f}, {100 * row['share_high']:.0f}])"
        for _, row in default.iterrows()
    ]
    equal = [f"{100 / layers:.0f} %" for layers in table.groupby("pair", sort=False)["layer"].max().unique()]
    others = top[top["name"] != DEFAULT].merge(
        default[[*WHERE, "layer"]], on=WHERE, suffixes=("", "_default")
    )
    text = f"The critical teacher layer is {listing(named)}; equal shares would be {listing(equal)}."
    if others.empty:
        return text
    counts = [
        f"{str(name).replace('~', ' = ')} {int((rows['layer'] == rows['layer_default']).sum())} of {len(rows)}"
        for name, rows in others.groupby("name", sort=False)
    ]
    return f"{text} Other ways of counting name the same layer: {listing(counts)}."


def pairing(table: pd.DataFrame) -> str:
    """Which student layer answers to the critical one by default, which settings pair others, and the vocabularies."""
    default = table[table["name"] == DEFAULT]
    if default.empty:
        return "No layers are paired by the default settings." + _vocabularies(table)
    pairs: dict[Any, Pairs] = {where: _pairs(rows) for where, rows in default.groupby(WHERE, sort=False)}
    places: dict[str, list[str]] = {}
    for where, own in pairs.items():
        places.setdefault(_mapping(own), []).append(place(table, *where))
    text = f"By default, {'; '.join(f'{mapping} on {listing(own)}' for mapping, own in places.items())}."
    changed: list[str] = []
    same: list[str] = []
    for name, rows in table[table["name"] != DEFAULT].groupby("name", sort=False):
        here = [pairs.get(where) == _pairs(cells) for where, cells in rows.groupby(WHERE, sort=False)]
        (same if all(here) else changed).append(str(name).replace("~", " = "))
    text += f" Other layers, or other weights, are paired with {listing(changed)}." if changed else ""
    if same:
        text += f" The same are paired with {listing(same)}, so that these variants differ by nothing."
    return text + _vocabularies(table)


def _vocabularies(table: pd.DataFrame) -> str:
    """How many tokens each pair of models shares; nothing for a table that does not say."""
    if table.empty or "shared_tokens" not in table:
        return ""
    shares = [
        f"{int(row['shared_tokens']):,} of the student's {int(row['student_tokens']):,} rows ({row['pair']})"
        for _, row in table.drop_duplicates("pair").iterrows()
    ]
    return f" Teacher and student share tokens, matched by token string: {listing(shares)}."


def _pairs(rows: pd.DataFrame) -> Pairs:
    """(student layer, teacher layers with weights), layer by layer."""
    pairs = []
    for row in rows.sort_values("student_layer").to_dict("records"):
        mixed = {int(row["below"]): 1 - row["weight"]}
        mixed[int(row["above"])] = mixed.get(int(row["above"]), 0.0) + row["weight"]
        kept = tuple((layer, round(weight, 3)) for layer, weight in mixed.items() if weight > 0)
        pairs.append((int(row["student_layer"]), kept))
    return pairs


def _mapping(pairs: Pairs) -> str:
    parts = []
    for student, mixed in pairs:
        layers = [f"{layer}" if weight == 1 else f"{layer} ({100 * weight:.0f} %)" for layer, weight in mixed]
        parts.append(f"student layer {student} answers to teacher layer {listing(layers)}")
    return listing(parts)


def curves(table: pd.DataFrame, method: str) -> str:
    """How far each term of a method's loss fell from the first to the last tenth of the steps."""
    cells = table[(table["method"] == method) & (table["variant"] == DEFAULT)]
    if cells.empty:
        return f"The losses of **{method or 'a method'}** were not recorded."
    parts = [_fall(str(term), rows) for term, rows in cells.groupby("term", sort=False)]
    runs = len(cells[[*WHERE, "seed"]].drop_duplicates())
    return (
        f"While **{method}** trains, from the first to the last tenth of the steps, mean of {runs} trainings, "
        f"{listing(parts)}."
    )


def _fall(term: str, rows: pd.DataFrame) -> str:
    ends = []
    for _, run in rows.groupby([*WHERE, "seed"], sort=False):
        run = run.sort_values("step")
        width = max(1, int(EDGE * len(run)))
        ends.append((run["loss"].iloc[:width].mean(), run["loss"].iloc[-width:].mean()))
    first, last = (sum(values) / len(ends) for values in zip(*ends, strict=True))
    fell = sum(end < start for start, end in ends)
    share = f", {100 * (last - first) / first:+.0f} %".replace("-", "−") if first > 0 else ""
    falls = f"it falls in {count(fell, len(ends), 'training')}"
    return f"the {term.replace('_', ' ')} term goes from {first:.3f} to {last:.3f}{share} ({falls})"


def closer(geometry: pd.DataFrame, seeds: pd.DataFrame, method: str, levels: Levels) -> str:
    """Does getting closer in space make the student more like the teacher? From rank correlations.

    Over all trained variants, and over those of the method under study alone, because methods differ in more
    than their geometry.
    """
    table = by_variant(geometry, seeds)
    if trained(table).empty:
        return "Whether closeness in space carries behaviour was not measured."
    blocks = table.groupby(WHERE, sort=False)
    return "\n\n".join(_closer(table, where, block, _Question(method, levels)) for where, block in blocks)


def _closer(table: pd.DataFrame, where: Any, block: pd.DataFrame, question: _Question) -> str:
    variants = trained(block)
    relations = _relations(variants, NAMES, question.levels)
    own = variants[variants["method"] == question.method]
    return " ".join(
        [
            f"On {place(table, *where)}, {_nearer(block, variants)}",
            f"Over all {len(variants)} trained variants, the rank correlation of that cosine is {_all(relations)}.",
            _answer(relations),
            _alone(own, question),
        ]
    ).strip()


def _relations(variants: pd.DataFrame, names: Iterable[str], levels: Levels) -> dict[str, Correlation]:
    """Measure of behaviour -> its rank correlation with the centred cosine."""
    return {name: rank_correlation(variants, "cosine_centred", name, levels) for name in names}


def _nearer(block: pd.DataFrame, variants: pd.DataFrame) -> str:
    student = block[block["method"] == STUDENT]
    if student.empty:
        return "the untouched student was not measured."
    near, kl = student["cosine_centred"].iloc[0], student["teacher_kl"].iloc[0]
    moved = variants[variants["cosine_centred"] > near]
    return (
        f"{count(len(moved), len(variants), 'trained variant')} stand nearer to the paper's target than the untouched "
        f"student (centred cosine {near:.3f}), and of those {int((moved['teacher_kl'] < kl).sum())} also have a lower "
        f"KL from the teacher than the student ({kl:.3f} nats)."
    )


def _all(relations: dict[str, Correlation]) -> str:
    return listing([f"{_number(one)} with the {NAMES[name]}" for name, one in relations.items()])


def _number(relation: Correlation) -> str:
    if pd.isna(relation.estimate):
        return "undefined"
    return f"{signed(relation.estimate, 2)} [{signed(relation.low, 2)}, {signed(relation.high, 2)}]"


def _answer(relations: dict[str, Correlation]) -> str:
    """The verdict: by both measures of likeness, by one, against, or none."""
    if all(pd.isna(relations[name].estimate) for name in TOWARDS):
        return "There are too few variants for an answer."
    said = {name: sign * side(relations[name].low, relations[name].high) for name, sign in TOWARDS.items()}
    towards = [NAMES[name] for name, word in said.items() if word > 0]
    away = [NAMES[name] for name, word in said.items() if word < 0]
    if towards and away:
        return f"The answer is mixed: nearer is more like the teacher by {towards[0]}, less like it by {away[0]}."
    if len(towards) == len(TOWARDS):
        return "So a student nearer in space is more like the teacher, by both measures."
    if len(away) == len(TOWARDS):
        return "So a student nearer in space is less like the teacher, by both measures."
    if towards or away:
        word = "more" if towards else "less"
        by = (towards or away)[0]
        return f"So a student nearer in space is {word} like the teacher by {by} only; the other interval holds zero."
    return "So no relation between nearness in space and likeness to the teacher can be seen: both intervals hold zero."


def _alone(variants: pd.DataFrame, question: _Question) -> str:
    relations = _relations(variants, TOWARDS, question.levels)
    if all(pd.isna(one.estimate) for one in relations.values()):
        return ""
    answer = _answer(relations).replace("So a", "There, a").replace("So no", "There, no")
    return f"Among the {len(variants)} variants of {question.method} alone it is {_all(relations)}. {answer}"
