"""Sentences about equal treatment: the search for learning rates, and the contrasts that the study names."""

import pandas as pd

from semalign.analysis.sentences.words import count, listing, p_value, signed, verdict

MEAN = "mean"
WORDS = {
    "higher": "scores higher than",
    "lower": "scores lower than",
    "no detectable difference": "shows no detectable difference from",
    "not tested": "is not tested against",
}


def search(table: pd.DataFrame) -> str:
    """With how many rates each method was tried, and whose choices lie at their grid's edge."""
    if table.empty:
        return "No learning rate was searched."
    keys = [name for name in ("pair", "benchmark", "method", "variant") if name in table]
    tried = table.groupby(keys, sort=False)["learning_rate"].nunique()
    numbers = sorted({int(number) for number in tried})
    rates = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
    chosen = table[table["chosen"] == 1]
    edge = chosen[chosen["at_edge"] == 1].groupby("method", sort=False).size()
    listed = listing([f"{method} ({number})" for method, number in edge.items()])
    return (
        f"Each of {table['method'].nunique()} methods was tried with {rates} learning rates on each benchmark, one "
        "training a rate, and has the one with the best score on that benchmark's validation split. "
        f"{len(chosen[chosen['at_edge'] == 1])} of {len(chosen)} choices lie at an edge of the grid, beyond which a "
        f"better one may lie: {listed}."
    )


def contrasts(table: pd.DataFrame) -> str:
    """Each contrast in a sentence: over all benchmarks where that was tested, and on how many single ones."""
    if table.empty:
        return "No two methods were compared by name."
    groups = table.groupby(["pair", "method", "other"], sort=False)
    return "\n".join(f"- {_contrast(table, rows)}" for _, rows in groups)


def _contrast(table: pd.DataFrame, rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    every = {MEAN, *(benchmark.partition("/")[0] for benchmark in rows["benchmark"] if "/" in benchmark)}
    single = rows[~rows["benchmark"].isin(every)]
    said = [verdict(row["difference"], row["p_holm"]) for _, row in single.iterrows()]
    parts = [f"{word} on {count(said.count(word), len(said), 'benchmark')}" for word in ("higher", "lower")]
    alone = "alone: " + ", ".join(parts)
    over = rows[rows["benchmark"].isin(every)]
    if over.empty:
        return f"**{first['method']}** against **{first['other']}**, {alone}."
    row = over.iloc[0]
    where = "over all benchmarks" + (f" of {first['pair']}" if table["pair"].nunique() > 1 else "")
    return (
        f"**{first['method']}** {WORDS[verdict(row['difference'], row['p_holm'])]} **{first['other']}** {where} "
        f"({signed(row['difference'])} points [{signed(row['difference_low'])}, {signed(row['difference_high'])}], "
        f"{p_value(row['p_holm'])}); {alone}."
    )
