"""The notes below the main table: how its numbers are computed, and which differences it can show."""

from collections.abc import Iterable
from typing import Any

from semalign.config.statistics import StatisticsSettings
from semalign.statistics.tables.text import fixed

Row = dict[str, Any]


def main_notes(detectable: Iterable[Row], tests: int, settings: StatisticsSettings) -> list[str]:
    """The notes below the main table; `tests` is the size of its family of tests."""
    percent = f"{100 * settings.confidence:g} %"
    return [
        f"Scores: mean over seeds with a {percent} interval: bootstrap over items ({settings.resamples} resamples), "
        "t-like over seeds.",
        f"p: paired over the same items, Holm-corrected over the {tests} tests of this table.",
        "Best baseline: the other method with the highest mean score on these test items, named next to p.",
        f"Gap closed: (score - student) / (teacher - student); empty where the {percent} interval of "
        "teacher - student is not above 0.",
        *_smallest_differences(detectable, settings),
    ]


def _smallest_differences(detectable: Iterable[Row], settings: StatisticsSettings) -> list[str]:
    """One note per kind of comparison: the smallest detectable difference of every benchmark."""
    level = f"{100 * settings.power:g} % power, {100 * settings.alpha:g} % two-sided, one test"
    known = [row for row in detectable if row["table"] == "main" and row["detectable"] is not None]
    several = len({row["pair"] for row in known}) > 1
    parts: dict[str, list[str]] = {}
    for row in known:
        place = f"{row['pair']} {row['benchmark']}" if several else row["benchmark"]
        parts.setdefault(row["against"], []).append(f"{place} {fixed(row['detectable'], 1)}")
    return [
        f"Smallest detectable difference with the {against.replace('_', ' ')} in points ({level}): {', '.join(own)}."
        for against, own in parts.items()
    ]
