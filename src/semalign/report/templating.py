"""Sentences and pages from templates: `templates/*.md.j2`, which contain words but no numbers."""

import functools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment

from semalign.report.levels import Levels
from semalign.report.names import spell, titled
from semalign.report.reading import Tables
from semalign.report.words import OUTCOMES, interval, listing, outcome, p_value, signed, spread
from semalign.runtime.templates import environment

NOT_MEASURED = "Not measured in this study."
VERDICTS = ("higher", "lower", "undecided", "untested")
MARKUP = "*_`[]<>&$|~\\"
TEMPLATES = Path(__file__).parent / "templates"
Sentence = Callable[[Tables], str]


def render(template: str, levels: Levels, **data: Any) -> str:
    """Fill the template `<template>.md.j2` with data; methods are printed by their titles in `levels`."""
    with titled(levels.titles):
        text = _environment().get_template(f"{template}.md.j2").render(levels=levels, **data)
    return text.strip()


def sentence(*needed: str) -> Callable[[Callable[[Tables], dict[str, Any] | None]], Sentence]:
    """Turn a function that returns facts into one that returns a sentence; the template has the function's name.

    The sentence is `NOT_MEASURED` if one of the tables `needed` is missing or empty, or if there are no facts.
    """

    def fill(gather: Callable[[Tables], dict[str, Any] | None]) -> Sentence:
        @functools.wraps(gather)
        def say(tables: Tables) -> str:
            if any(name not in tables or tables[name].empty for name in needed):
                return NOT_MEASURED
            facts = gather(tables)
            return NOT_MEASURED if facts is None else render(gather.__name__, tables.levels, **facts)

        return say

    return fill


def tally(rows: pd.DataFrame) -> dict[str, Any]:
    """Verdict rows for a template, the largest difference first: all, those of each verdict and
    of each outcome (the verdict as sentences say it), and all intervals' ends.

    `low` and `high` are None if no row has an interval.
    """
    ranked = rows.sort_values("difference", ascending=False, kind="stable")
    outcomes = [outcome(*row) for row in ranked[["verdict", "low", "high"]].itertuples(index=False)]
    ranked = ranked.assign(outcome=outcomes)
    return {
        "total": len(ranked),
        "all": ranked.to_dict("records"),
        "low": None if rows["low"].isna().all() else rows["low"].min(),
        "high": None if rows["high"].isna().all() else rows["high"].max(),
        "where": [column for column in ("pair", "benchmark") if rows[column].nunique() > 1],
        **{word: ranked[ranked["verdict"] == word].to_dict("records") for word in VERDICTS},
        "outcomes": {word: ranked[ranked["outcome"] == word].to_dict("records") for word in OUTCOMES},
    }


def plain(name: object) -> str:
    """A name spelt for readers, whose characters mean nothing in Markdown, HTML or mathematics."""
    return "".join(f"&#{ord(char)};" if char in MARKUP else char for char in spell(name))


@functools.cache
def _environment() -> Environment:
    markdown = environment(TEMPLATES)  # escaped when it is converted to HTML
    markdown.filters |= {
        "difference": _difference,
        "listing": lambda parts: listing([str(part) for part in parts]),
        "named": lambda names: listing([f"**{plain(name)}**" for name in names]),
        "p": p_value,
        "signed": signed,
        "spell": plain,
        "span": _span,
    }
    return markdown


def _difference(row: Mapping[str, Any], digits: int = 1) -> str:
    return interval(row["difference"], row["low"], row["high"], digits)


def _span(rows: Iterable[Mapping[str, Any]], digits: int = 1) -> str:
    return spread([row["difference"] for row in rows], digits, signs=True)


def once(names: Iterable[str]) -> list[str]:
    """Distinct names in order of appearance."""
    return list(dict.fromkeys(names))
