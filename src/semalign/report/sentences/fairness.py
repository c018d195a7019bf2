"""Sentences about equal treatment: the search for learning rates, and the contrasts that the study names."""

import pandas as pd

from semalign.report.levels import Levels
from semalign.report.words import count, listing, p_value, signed, verdict

DEFAULT = "default"
MEAN = "mean"
WORDS = {
    "higher": "scores higher than",
    "lower": "scores lower than",
    "undecided": "shows no detectable difference from",
    "untested": "is not tested against",
}


def search(table: pd.DataFrame) -> str:
    """With how many rates methods and their ablated variants were tried, and whose choices lie at which edge."""
    if table.empty:
        return "No learning rate was searched."
    keys = [name for name in ("pair", "benchmark", "method", "variant") if name in table]
    tried = table.groupby(keys, sort=False)["learning_rate"].nunique()
    numbers = sorted({int(number) for number in tried})
    rates = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
    ablated = (table["variant"] != DEFAULT) if "variant" in table else pd.Series(False, index=table.index)
    lowest = table.groupby(keys, sort=False)["learning_rate"].transform("min")
    choices = table.assign(lowest=lowest)[table["chosen"] == 1]
    said = (
        f"Each of {table['method'].nunique()} methods was tried with {rates} learning rates on each benchmark, one "
        "training a rate, and has the one with the best score on that benchmark's validation split. Of the methods' "
        f"{_edges(choices[~ablated[choices.index]])}"
    )
    if not ablated.any():
        return said
    variants = len(table.loc[ablated, ["method", "variant"]].drop_duplicates())
    several = f"{variants} ablated variants were" if variants > 1 else "One ablated variant was"
    return f"{said} {several} searched in the same way; of their {_edges(choices[ablated[choices.index]])}"


def _edges(choices: pd.DataFrame) -> str:
    """How many of these choices lie at their grid's lowest rate and at its highest, and whose."""
    at_edge = choices[choices["at_edge"] == 1]
    if at_edge.empty:
        return f"{len(choices)} choices none lies at an edge of the grid."
    low = at_edge["learning_rate"] == at_edge["lowest"]
    ends = (
        (at_edge[low], "at the lowest rate, below which a smaller one may be better"),
        (at_edge[~low], "at the highest, above which a larger one may be better"),
    )
    parts = [
        f"{len(rows)} {'lie' if len(rows) > 1 else 'lies'} {where} ({_whose(rows)})"
        for rows, where in ends
        if not rows.empty
    ]
    return f"{len(choices)} choices, {listing(parts)}."


def _whose(rows: pd.DataFrame) -> str:
    """The methods of some choices, with their number where it is more than one."""
    numbers = rows.groupby("method", sort=False).size()
    return listing(
        [f"{method} ({number})" if number > 1 else str(method) for method, number in numbers.items()]
    )


def contrasts(table: pd.DataFrame, levels: Levels) -> str:
    """Each contrast in a sentence: over all benchmarks or a mixture where that was tested, and on how many single
    ones or parts of it.
    """
    if table.empty:
        return "No two methods were compared by name."
    groups = table.groupby(["pair", "method", "other"], sort=False)
    return "\n".join(f"- {_contrast(table, rows, levels)}" for _, rows in groups)


def _contrast(table: pd.DataFrame, rows: pd.DataFrame, levels: Levels) -> str:
    first = rows.iloc[0]
    wholes = {benchmark.partition("/")[0] for benchmark in rows["benchmark"] if "/" in benchmark}
    mixture = len(wholes) == 1 and set(rows["benchmark"].str.partition("/")[0]) == wholes
    single = rows[~rows["benchmark"].isin({MEAN, *wholes})]
    said = [verdict(row["difference"], row["p_holm"], levels) for _, row in single.iterrows()]
    parts = [f"{word} on {_count(said.count(word), len(said), mixture)}" for word in ("higher", "lower")]
    alone = "alone: " + ", ".join(parts)
    over = rows[rows["benchmark"].isin(wholes if mixture else {MEAN})]
    if over.empty:
        return f"**{first['method']}** against **{first['other']}**, {alone}."
    row = over.iloc[0]
    where = f"on the {row['benchmark']}" if mixture else "over all benchmarks"
    where += f" of {first['pair']}" if table["pair"].nunique() > 1 else ""
    words = WORDS[verdict(row["difference"], row["p_holm"], levels)]
    return (
        f"**{first['method']}** {words} **{first['other']}** {where} "
        f"({signed(row['difference'])} points [{signed(row['difference_low'])}, {signed(row['difference_high'])}], "
        f"{p_value(row['p_holm'])}); {alone}."
    )


def _count(number: int, total: int, parts: bool) -> str:
    """`1 of 4 benchmarks`, or `1 of its 4 parts` of a mixture."""
    if not parts:
        return count(number, total, "benchmark")
    return count(number, total, "part").replace(" of ", " of its ")
