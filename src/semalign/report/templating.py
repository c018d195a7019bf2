"""Sentences and pages from templates: `templates/*.md.j2`, which hold words and no numbers."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from semalign.report.levels import Levels
from semalign.report.names import spell, titled
from semalign.report.words import count, interval, listing, p_value, signed
from semalign.runtime.tables_text import markdown

VERDICTS = ("higher", "lower", "undecided", "untested")
TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, levels: Levels, **data: Any) -> str:
    """The template `<template>.md.j2` filled with data; methods are printed by their titles in `levels`."""
    with titled(levels.titles):
        text = _environment().get_template(f"{template}.md.j2").render(levels=levels, **data)
    return text.strip()


def tally(rows: pd.DataFrame) -> dict[str, Any]:
    """Verdict rows for a template, the largest difference first: all, those of each verdict, and all intervals' ends.

    `low` and `high` are None if no row has an interval.
    """
    ranked = rows.sort_values("difference", ascending=False, kind="stable")
    return {
        "total": len(ranked),
        "all": ranked.to_dict("records"),
        "low": None if rows["low"].isna().all() else rows["low"].min(),
        "high": None if rows["high"].isna().all() else rows["high"].max(),
        **{word: ranked[ranked["verdict"] == word].to_dict("records") for word in VERDICTS},
    }


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # the text is Markdown; what turns it into HTML escapes it
    )
    environment.filters |= {
        "count": count,
        "difference": lambda row: interval(row["difference"], row["low"], row["high"]),
        "listing": lambda parts: listing([str(part) for part in parts]),
        "names": lambda rows, key="method": listing([spell(row[key]) for row in rows]),
        "p": p_value,
        "score": lambda row: f"{row['score']:.1f} % [{row['score_low']:.1f}, {row['score_high']:.1f}]",
        "signed": signed,
        "spell": spell,
        "span": lambda rows: _span([row["difference"] for row in rows]),
        "table": lambda frame: markdown(frame, [number > 0 for number in range(len(frame.columns))]),
    }
    return environment


def _span(values: Iterable[float]) -> str:
    """`+1.2 points`, or `between +1.2 and +3.4 points` of several."""
    low, high = signed(min(values := list(values))), signed(max(values))
    return f"{low} points" if low == high else f"{low} to {high} points"
