"""The main table for readers: Markdown and LaTeX (booktabs). No timings: same results, same bytes."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from semalign.statistics.tables.text import fixed

Row = dict[str, Any]


class Column(NamedTuple):
    """A heading and how a row fills it; numbers are aligned to the right."""

    heading: str
    text: Callable[[Row], str]
    number: bool = True


def markdown(rows: Sequence[Row], notes: Sequence[str]) -> str:
    """The main table as GitHub Markdown with its notes below."""
    columns = _columns(rows)
    lines = [
        _pipes(column.heading for column in columns),
        _pipes("---:" if column.number else "---" for column in columns),
    ]
    lines += [_pipes(column.text(row).replace("|", "\\|") for column in columns) for row in rows]
    return "\n".join(lines) + "\n\n" + "\n".join(f"- {note}" for note in notes) + "\n"


def latex(rows: Sequence[Row], notes: Sequence[str]) -> str:
    """The main table as a LaTeX `tabular` (needs the package booktabs), its notes as comments."""
    columns = _columns(rows)
    lines = [f"% {escape(note)}" for note in notes]
    lines.append(r"\begin{tabular}{" + "".join("r" if column.number else "l" for column in columns) + "}")
    lines += [r"\toprule", _ampersands(column.heading for column in columns), r"\midrule"]
    previous: Row | None = None
    for row in rows:
        if previous and any(previous[name] != row[name] for name in ("pair", "benchmark")):
            lines.append(r"\midrule")
        lines.append(_ampersands(column.text(row) for column in columns))
        previous = row
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def escape(text: str) -> str:
    """Plain text for LaTeX."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$"}
    return "".join(special.get(c) or (f"\\{c}" if c in "&%$#_{}" else c) for c in text)


def _columns(rows: Sequence[Row]) -> list[Column]:
    """Columns that say something: no pair where there is one, no paper where it has no figure."""
    columns = [
        Column("Pair", lambda row: row["pair"], number=False),
        Column("Benchmark", lambda row: row["benchmark"], number=False),
        Column("Method", lambda row: row["method"], number=False),
        Column("Seeds", lambda row: fixed(row["seeds"])),
        Column("Score [%]", lambda row: _with_interval(row, "score", 1)),
        Column("vs student (p)", lambda row: _with_p(row, "vs_student")),
        Column("vs best baseline (p)", lambda row: _with_p(row, "vs_best_baseline")),
        Column("Gap closed", lambda row: _with_interval(row, "gap_closed", 2)),
        Column("KL to teacher [nats]", lambda row: fixed(row["teacher_kl"], 3)),
        Column("Agreement [%]", lambda row: fixed(row["teacher_agreement"], 1)),
        Column("Trainable", lambda row: fixed(row["trainable_parameters"])),
        Column("Paper", lambda row: fixed(row["paper"], 2)),
    ]
    one_pair = len({row["pair"] for row in rows}) == 1
    no_paper = all(row["paper"] is None for row in rows)
    dropped = [name for name, drop in (("Pair", one_pair), ("Paper", no_paper)) if drop]
    return [column for column in columns if column.heading not in dropped]


def _with_interval(row: Row, name: str, digits: int) -> str:
    if row[name] is None:
        return ""
    value, low, high = (fixed(float(row[key]), digits) for key in (name, f"{name}_low", f"{name}_high"))
    return f"{value} [{low}, {high}]"


def _with_p(row: Row, name: str) -> str:
    """`+3.2 (p 0.013, sft)`: percent points, corrected p-value, and the baseline where it varies."""
    if row[name] is None:
        return ""
    p = row[f"{name}_p"]
    shown = "p <0.001" if p < 0.001 else f"p {fixed(float(p), 3)}"
    baseline = row.get("best_baseline") if name == "vs_best_baseline" else None
    return f"{row[name]:+.1f} ({', '.join(part for part in (shown, baseline) if part)})"


def _pipes(texts: Any) -> str:
    return "| " + " | ".join(texts) + " |"


def _ampersands(texts: Any) -> str:
    return " & ".join(escape(text) for text in texts) + r" \\"
