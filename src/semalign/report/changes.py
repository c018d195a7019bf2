"""The items of free text that changed most, for the page of a study: of the best method on each benchmark."""

from typing import Any

import pandas as pd

from semalign.report.names import spell
from semalign.report.reading import Tables
from semalign.report.words import signed

# tables that say which method is the best, the first that there is counts: its column of scores, and their split
CHOSEN_BY = (
    ("ranking", "validation", "validation"),
    ("search", "score", "validation"),
    ("main", "score", "test"),
)
SIDES = {"gained": "Gained", "lost": "Lost"}


def changed_items(tables: Tables) -> list[dict[str, Any]]:
    """One entry per pair and benchmark with free text: the method, the seed, and the items on either side.

    The method is the one with the best validation score or, if no table has these, the best test score.
    """
    if "changes" not in tables or tables["changes"].empty:
        return []
    several = tables["changes"]["pair"].nunique() > 1
    entries = []
    for (pair, benchmark), rows in tables["changes"].groupby(["pair", "benchmark"], sort=False):
        method, split = best_method(tables, str(pair), str(benchmark), list(rows["method"].unique()))
        seed = _seed(tables, str(pair), str(benchmark), method, rows)
        own = rows[(rows["method"] == method) & (rows["seed"] == seed)]
        entries.append(
            {
                "place": " ".join(map(spell, [pair, benchmark] if several else [benchmark])),
                "method": spell(method),
                "seed": seed,
                "split": split,
                "sides": [
                    {"title": title, "items": _items(own[own["change"] == side])}
                    for side, title in SIDES.items()
                ],
            }
        )
    return entries


def best_method(tables: Tables, pair: str, benchmark: str, methods: list[str]) -> tuple[str, str]:
    """The best of these methods, and the split that says so; controls only if there is nothing else.

    A part of a mixture has the method that is the best on the mixture. If scores are equal, the first method counts.
    """
    allowed = [name for name in methods if not tables.levels.is_control(name)] or methods
    whole = benchmark.partition("/")[0]
    for name, score, split in CHOSEN_BY:
        if name not in tables:
            continue
        rows = tables[name]
        rows = rows[(rows["pair"] == pair) & (rows["benchmark"] == whole) & rows["method"].isin(allowed)]
        if "variant" in rows:
            rows = rows[rows["variant"] == "default"]
        if "seed" in rows:  # of the ranking, whose rows of a method have none
            rows = rows[rows["seed"].isna()]
        if len(rows) and set(allowed) <= set(rows["method"]):
            return str(rows["method"].iloc[int(rows[score].argmax())]), split
    return allowed[0], ""


def _seed(tables: Tables, pair: str, benchmark: str, method: str, rows: pd.DataFrame) -> int:
    """The method's seed that the ranking puts first, which is the one to ship; the first seed if it is not ranked."""
    own = rows.loc[rows["method"] == method, "seed"]
    if (ranking := tables.get("ranking")) is not None:
        found = ranking[(ranking["pair"] == pair) & (ranking["benchmark"] == benchmark.partition("/")[0])]
        found = found[(found["method"] == method) & found["seed"].isin(own)].sort_values(
            "rank", kind="stable"
        )
        own = found["seed"] if len(found) else own
    return int(own.iloc[0])


def _items(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {
            **{
                name: "" if pd.isna(row[name]) else row[name]
                for name in ("prompt", "reference", "student_text", "adapter_text")
            },
            "match": _moved(int(row["student_match"]), int(row["adapter_match"])),
            "nats": signed(row["nats"]),
        }
        for row in rows.sort_values("rank").to_dict("records")
    ]


def _moved(before: int, after: int) -> str:
    """How the lenient match changed."""
    words = {0: "wrong", 1: "right"}
    return words[after] if before == after else f"{words[before]} → {words[after]}"
