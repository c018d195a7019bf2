"""The main scores in the shape of the paper's Tables 1 and 2: methods down, benchmarks across, both figures."""

from collections.abc import Sequence
from typing import Any

from semalign.config.statistics import StatisticsSettings
from semalign.statistics.tables.render import escape
from semalign.statistics.tables.text import csv_text, fixed

Row = dict[str, Any]
Cells = dict[tuple[str, str], Row]  # (method, benchmark) -> its row of the main table
MARKS = {"higher": ("▲", r"\,$\uparrow$"), "lower": ("▼", r"\,$\downarrow$"), "": ("", "")}
FIELDS = ("score", "low", "high", "test", "paper")
NOTE = (
    "Score in percent, mean over seeds, with its {:g} % interval over items and seeds; bold: the best of the methods. "
    "Up and down: higher and lower than the student by a paired test, corrected over the main table."
)


def grid_files(
    rows: Sequence[Row], references: Sequence[str], settings: StatisticsSettings
) -> dict[str, str]:
    """`scores.csv`, `scores.md` and `scores.tex` (needs booktabs) from the main table's rows.

    `references` (student and teacher) are never set in bold. A benchmark has a column for the paper where it
    reports a figure for the pair.
    """
    pairs = {pair: [row for row in rows if row["pair"] == pair] for pair in _distinct(rows, "pair")}
    alpha, note = settings.alpha, NOTE.format(100 * settings.confidence)
    texts = {"scores.csv": _csv(rows, alpha)}
    blocks = [_markdown(pair, found, references, alpha, len(pairs) > 1) for pair, found in pairs.items()]
    texts["scores.md"] = "\n\n".join([*blocks, note]) + "\n"
    blocks = [_latex(pair, found, references, alpha) for pair, found in pairs.items()]
    texts["scores.tex"] = "\n\n".join([f"% {escape(note)}", *blocks]) + "\n"
    return texts


def told(benchmark: str) -> str:
    """`facts (in the mixture)` for the part `mixture/facts`."""
    whole, _, part = benchmark.partition("/")
    return f"{part} (in the {whole})" if part else whole


def _csv(rows: Sequence[Row], alpha: float) -> str:
    benchmarks = _distinct(rows, "benchmark")
    found: dict[tuple[str, str], Row] = {}
    for row in rows:
        line = found.setdefault((row["pair"], row["method"]), {"pair": row["pair"], "method": row["method"]})
        values = (row["score"], row["score_low"], row["score_high"], _test(row, alpha), row["paper"])
        line |= {f"{row['benchmark']} {name}": value for name, value in zip(FIELDS, values, strict=True)}
    columns = ["pair", "method", *(f"{benchmark} {name}" for benchmark in benchmarks for name in FIELDS)]
    return csv_text(columns, [dict.fromkeys(columns) | line for line in found.values()])


def _markdown(pair: str, rows: Sequence[Row], references: Sequence[str], alpha: float, named: bool) -> str:
    cells, best, published = _cells(rows), _best(rows, references), _published(rows)
    benchmarks, methods = _distinct(rows, "benchmark"), _distinct(rows, "method")
    heads = ["Method"]
    for benchmark in benchmarks:
        heads += [told(benchmark), *(["paper"] if benchmark in published else [])]
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)]]
    for method in methods:
        line = [method]
        for benchmark in benchmarks:
            row = cells.get((method, benchmark))
            text = _score(row, "**{}**" if (method, benchmark) in best else "{}")
            line.append(f"{text} {MARKS[_test(row, alpha)][0]}".strip() if row else "")
            line += [fixed(row["paper"], 2) if row else ""] if benchmark in published else []
        lines.append(line)
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"### {pair}\n\n{table}" if named else table


def _latex(pair: str, rows: Sequence[Row], references: Sequence[str], alpha: float) -> str:
    cells, best, published = _cells(rows), _best(rows, references), _published(rows)
    benchmarks, methods = _distinct(rows, "benchmark"), _distinct(rows, "method")
    spans = [2 if benchmark in published else 1 for benchmark in benchmarks]
    heads = [
        rf"\multicolumn{{{span}}}{{c}}{{{escape(told(name))}}}"
        for name, span in zip(benchmarks, spans, strict=True)
    ]
    rules, second, at = [], [""], 2
    for span in spans:
        rules.append(rf"\cmidrule(lr){{{at}-{at + span - 1}}}")
        second += ["ours", "paper"][:span]
        at += span
    lines = [f"% {escape(pair)}", r"\begin{tabular}{l" + "r" * sum(spans) + "}", r"\toprule"]
    lines += [" & ".join(["Method", *heads]) + r" \\"]
    lines += ["".join(rules), " & ".join(second) + r" \\"] if published else []
    lines.append(r"\midrule")
    for number, method in enumerate(methods):
        line = [escape(method)]
        for benchmark in benchmarks:
            row = cells.get((method, benchmark))
            text = _score(row, r"\textbf{{{}}}" if (method, benchmark) in best else "{}")
            line.append(text + MARKS[_test(row, alpha)][1] if row else "")
            line += [fixed(row["paper"], 2) if row else ""] if benchmark in published else []
        lines.append(" & ".join(line) + r" \\")
        follows = methods[number + 1 : number + 2]
        if method in references and follows and follows[0] not in references:
            lines.append(r"\midrule")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _cells(rows: Sequence[Row]) -> Cells:
    return {(row["method"], row["benchmark"]): row for row in rows}


def _best(rows: Sequence[Row], references: Sequence[str]) -> set[tuple[str, str]]:
    """(method, benchmark) of the highest mean scores, student and teacher left out; several where they are equal."""
    trained = [row for row in rows if row["method"] not in references]
    best: dict[str, float] = {}
    for row in trained:
        best[row["benchmark"]] = max(row["score"], best.get(row["benchmark"], row["score"]))
    return {(row["method"], row["benchmark"]) for row in trained if row["score"] == best[row["benchmark"]]}


def _published(rows: Sequence[Row]) -> set[str]:
    return {row["benchmark"] for row in rows if row["paper"] is not None}


def _score(row: Row | None, form: str) -> str:
    if row is None:
        return ""
    score, low, high = (fixed(float(row[name]), 1) for name in ("score", "score_low", "score_high"))
    return f"{form.format(score)} [{low}, {high}]"


def _test(row: Row | None, alpha: float) -> str:
    """What the corrected test against the student found: `higher`, `lower` or nothing."""
    p = row["vs_student_p"] if row else None
    if row is None or p is None or p >= alpha or row["vs_student"] == 0:
        return ""
    return "higher" if row["vs_student"] > 0 else "lower"


def _distinct(rows: Sequence[Row], name: str) -> list[str]:
    return list(dict.fromkeys(row[name] for row in rows))
