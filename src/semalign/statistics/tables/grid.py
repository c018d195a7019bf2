"""The main scores in the layout of the paper's Tables 1 and 2: one row per method, one column per benchmark.

Each cell has this study's score; a benchmark has a second column for the paper's score if there is one.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from semalign.config.statistics import StatisticsSettings
from semalign.runtime.tables_text import benchmark_title, latex, markdown
from semalign.statistics.tables.text import csv_text, fixed

Row = dict[str, Any]
OURS, PAPER = "ours", "paper"
METHOD = ("Method", "")
FIELDS = ("score", "low", "high", "test", "paper")
NOTE = (
    "Score in percent, mean over seeds, with its {:g} % interval over items and seeds; bold: the best of the methods. "
    "Up and down: higher and lower than the student by a paired test, corrected over the main table."
)


class Look(NamedTuple):
    """How a file format marks the best score, and scores that differ from the student's."""

    bold: str
    marks: dict[str, str]


IN_MARKDOWN = Look("**{}**", {"higher": " ▲", "lower": " ▼", "": ""})
IN_LATEX = Look(r"\textbf{{{}}}", {"higher": r"\,$\uparrow$", "lower": r"\,$\downarrow$", "": ""})


def grid_files(
    rows: Sequence[Row], references: Sequence[str], settings: StatisticsSettings
) -> dict[str, str]:
    """`scores.csv`, `scores.md` and `scores.tex` (needs booktabs) from the main table's rows.

    `references` (student and teacher) are never set in bold. A benchmark has a column for the paper if the paper
    reports a score for the pair.
    """
    pairs = {pair: [row for row in rows if row["pair"] == pair] for pair in _distinct(rows, "pair")}
    alpha = settings.alpha
    note = NOTE.format(100 * settings.confidence)
    in_markdown = [
        (f"### {pair}\n\n" if len(pairs) > 1 else "") + _markdown(_grid(own, references, alpha, IN_MARKDOWN))
        for pair, own in pairs.items()
    ]
    in_latex = [
        f"% {pair}\n" + _latex(_grid(own, references, alpha, IN_LATEX), references)
        for pair, own in pairs.items()
    ]
    return {
        "scores.csv": _csv(rows, alpha),
        "scores.md": "\n\n".join([*in_markdown, note]) + "\n",
        "scores.tex": "\n".join([f"% {note}\n", *in_latex]),
    }


def _csv(rows: Sequence[Row], alpha: float) -> str:
    lines: dict[tuple[str, str], Row] = {}
    for row in rows:
        line = lines.setdefault((row["pair"], row["method"]), {"pair": row["pair"], "method": row["method"]})
        values = (row["score"], row["score_low"], row["score_high"], _test(row, alpha), row["paper"])
        line |= {f"{row['benchmark']} {name}": value for name, value in zip(FIELDS, values, strict=True)}
    benchmarks = _distinct(rows, "benchmark")
    columns = ["pair", "method", *(f"{benchmark} {name}" for benchmark in benchmarks for name in FIELDS)]
    return csv_text(columns, [dict.fromkeys(columns) | line for line in lines.values()])


def _grid(rows: Sequence[Row], references: Sequence[str], alpha: float, look: Look) -> pd.DataFrame:
    """The cells of one pair as text: one row per method; per benchmark this study's score and, if any, the paper's."""
    cells = {(row["method"], row["benchmark"]): row for row in rows}
    best = _best(rows, references)
    published = {row["benchmark"] for row in rows if row["paper"] is not None}
    methods = _distinct(rows, "method")
    columns = {METHOD: methods}
    for benchmark in _distinct(rows, "benchmark"):
        own = [cells.get((method, benchmark)) for method in methods]
        columns[benchmark, OURS] = [
            _score(row, look, (method, benchmark) in best, alpha)
            for method, row in zip(methods, own, strict=True)
        ]
        if benchmark in published:
            columns[benchmark, PAPER] = [fixed(row["paper"], 2) if row else "" for row in own]
    return pd.DataFrame(columns)


def _markdown(grid: pd.DataFrame) -> str:
    heads = [PAPER if kind == PAPER else name for name, kind in _heads(grid)]
    return markdown(grid.set_axis(heads, axis=1), _numbers(grid))


def _latex(grid: pd.DataFrame, references: Sequence[str]) -> str:
    methods = grid[METHOD].tolist()
    breaks = [
        number
        for number in range(1, len(methods))
        if methods[number - 1] in references and methods[number] not in references
    ]
    heads = pd.MultiIndex.from_tuples(_heads(grid))
    named = grid.set_axis(heads if PAPER in heads.get_level_values(1) else heads.get_level_values(0), axis=1)
    return latex(named, _numbers(grid), rules=breaks, raw=list(named.columns[1:]))


def _heads(grid: pd.DataFrame) -> list[tuple[str, str]]:
    names, kinds = (grid.columns.get_level_values(level) for level in (0, 1))
    return [(benchmark_title(name), kind) for name, kind in zip(names, kinds, strict=True)]


def _numbers(grid: pd.DataFrame) -> list[bool]:
    return [column != METHOD for column in grid.columns]


def _best(rows: Sequence[Row], references: Sequence[str]) -> set[tuple[str, str]]:
    """(method, benchmark) of the highest mean scores, without student and teacher; several if scores are equal."""
    trained = [row for row in rows if row["method"] not in references]
    best: dict[str, float] = {}
    for row in trained:
        best[row["benchmark"]] = max(row["score"], best.get(row["benchmark"], row["score"]))
    return {(row["method"], row["benchmark"]) for row in trained if row["score"] == best[row["benchmark"]]}


def _score(row: Row | None, look: Look, best: bool, alpha: float) -> str:
    if row is None:
        return ""
    score, low, high = (fixed(float(row[name]), 1) for name in ("score", "score_low", "score_high"))
    score = look.bold.format(score) if best else score
    return f"{score} [{low}, {high}]{look.marks[_test(row, alpha)]}"


def _test(row: Row, alpha: float) -> str:
    """The result of the corrected test against the student: `higher`, `lower` or an empty string."""
    p = row["vs_student_p"]
    if p is None or p >= alpha or row["vs_student"] == 0:
        return ""
    return "higher" if row["vs_student"] > 0 else "lower"


def _distinct(rows: Sequence[Row], name: str) -> list[str]:
    return list(dict.fromkeys(row[name] for row in rows))
