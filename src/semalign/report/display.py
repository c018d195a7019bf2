"""Tables as readers of a notebook see them: names in rows, numbers with their intervals."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from semalign.report.levels import Levels
from semalign.report.words import interval, side, signed, verdict
from semalign.runtime.tables_text import benchmark_title

MARKS = {"higher": " ▲", "lower": " ▼"}
EDGE = "*"
COSTS = {
    "trainable_parameters": ("trainable parameters", "{:,.0f}"),
    "search_seconds": ("search (s)", "{:.1f}"),
    "signal_seconds": ("teacher's signals (s)", "{:.1f}"),
    "teacher_passes": ("teacher passes", "{:,.0f}"),
    "signal_mb": ("stored signals (MB)", "{:.2f}"),
    "peak_memory_mb": ("peak memory, training (MB)", "{:,.0f}"),
    "signal_memory_mb": ("peak memory, signals (MB)", "{:,.0f}"),
}


def score_table(main: pd.DataFrame, levels: Levels) -> pd.DataFrame:
    """Methods x benchmarks: `score [low, high]` in percent, marked if it differs from the student's."""
    return _by_benchmark(main.assign(text=[_score(cell, levels) for _, cell in main.iterrows()]))


def bits_table(bits: pd.DataFrame) -> pd.DataFrame:
    """Methods x benchmarks: bits a character `[low, high]`, marked where the difference's interval excludes zero."""
    default = bits[bits["variant"] == "default"]
    return _by_benchmark(default.assign(text=[_bits(row) for row in default.to_dict("records")]))


def _bits(row: Mapping[Any, Any]) -> str:
    """Lower is better: the mark says where the student's lie."""
    text = f"{row['bits']:.3f} [{row['bits_low']:.3f}, {row['bits_high']:.3f}]"
    if pd.isna(row["vs_student"]):
        return text
    marks = {1: MARKS["higher"], -1: MARKS["lower"], 0: ""}
    return text + marks[side(row["vs_student_low"], row["vs_student_high"])]


def detectable_table(detectable: pd.DataFrame) -> pd.DataFrame:
    """The smallest differences in points that the tests of the main table can be expected to find."""
    rows = detectable[detectable["table"] == "main"]
    names = {"detectable": "one test (points)", "detectable_holm": "corrected (points)"}
    keys = ["pair", "benchmark"] if rows["pair"].nunique() > 1 else ["benchmark"]
    table = rows[[*keys, "against", "items", "seeds", *names]].rename(columns=names)
    named = {
        "against": table["against"].str.replace("_", " "),
        "benchmark": table["benchmark"].map(benchmark_title),
    }
    return rounded(table.assign(**named), 1)


def head_table(head: pd.DataFrame) -> pd.DataFrame:
    """What is left of the final state and of its most likely token: a row a model and kind of bases."""
    shares = [
        f"{100 * row['top1_agreement']:.1f} [{100 * row['top1_low']:.1f}, {100 * row['top1_high']:.1f}]"
        for _, row in head.iterrows()
    ]
    return pd.DataFrame(
        {
            "model": head["model"],
            "bases": head["bases"],
            "norm folded in": ["yes" if folded else "no" for folded in head["folded"]],
            "same next token (%)": shares,
            "cosine": [f"{cosine:.3f}" for cosine in head["cosine"]],
        }
    )


def cost_table(costs: pd.DataFrame) -> pd.DataFrame:
    """A row a method: means over pairs and benchmarks of what it cost; training time with its range."""
    groups = costs.groupby("method", sort=False)
    means = groups[[*COSTS, "train_seconds"]].mean()
    low, high = groups["train_seconds_low"].min(), groups["train_seconds_high"].max()
    table = pd.DataFrame({"method": means.index})
    table["training (s) [least, most]"] = [
        "" if pd.isna(mean) else f"{mean:.1f} [{least:.1f}, {most:.1f}]"
        for mean, least, most in zip(means["train_seconds"], low, high, strict=True)
    ]
    for column, (title, form) in COSTS.items():
        table[title] = ["" if pd.isna(value) else form.format(value) for value in means[column]]
    return table


def search_table(search: pd.DataFrame) -> pd.DataFrame:
    """Methods x benchmarks: the chosen learning rate and its validation score `[low, high]`; `*` at an edge.

    Of variants that were searched too, only the default is shown.
    """
    choices = search[search["chosen"] == 1]
    if "variant" in choices:
        choices = choices[choices["variant"] == "default"]
    texts = [
        f"{row['learning_rate']:g}{EDGE * int(row['at_edge'])}: {row['score']:.1f} "
        f"[{row['score_low']:.1f}, {row['score_high']:.1f}]"
        for _, row in choices.iterrows()
    ]
    return _by_benchmark(choices.assign(text=texts))


def contrast_table(contrasts: pd.DataFrame, levels: Levels) -> pd.DataFrame:
    """Contrasts x benchmarks: difference in points `[low, high]`, marked where its corrected test finds one."""
    table = contrasts.assign(
        method=contrasts["method"] + " − " + contrasts["other"],
        text=[
            f"{signed(row['difference'])} [{signed(row['difference_low'])}, {signed(row['difference_high'])}]"
            + MARKS.get(verdict(row["difference"], row["p_holm"], levels), "")
            for _, row in contrasts.iterrows()
        ],
    )
    return _by_benchmark(table)


def part_table(parts: pd.DataFrame) -> pd.DataFrame:
    """Methods and their variants x parts of a mixture: score in percent (difference from the student `[low, high]`)."""
    default = parts["variant"] == "default"
    named = parts.assign(method=parts["method"].where(default, parts["method"] + ": " + parts["variant"]))
    texts = []
    for row in named.to_dict("records"):
        value, low, high = (float(row[f"vs_student{end}"]) for end in ("", "_low", "_high"))
        texts.append(f"{row['score']:.1f}" + ("" if pd.isna(value) else f" ({interval(value, low, high)})"))
    names = named["benchmark"] + "/" + named["part"]
    return _by_benchmark(named.assign(text=texts, benchmark=names))


def benchmark_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Models as they are: score `[low, high]` in percent, what others report, and how fast it was measured."""
    number = {True: "", False: "{:.1f}"}
    return pd.DataFrame(
        {
            "model": scores["model"],
            "benchmark": scores["benchmark"],
            "protocol": scores["protocol"],
            "items": scores["items"],
            "score (%)": [
                f"{row['score']:.1f} [{row['score_low']:.1f}, {row['score_high']:.1f}]"
                for row in scores.to_dict("records")
            ],
            "empty answers (%)": scores["empty"].map("{:.0f}".format),
            "published (%)": [number[pd.isna(value)].format(value) for value in scores["published"]],
            "items a second": scores["items_per_second"].map("{:.2f}".format),
            "tokens a second": scores["tokens_per_second"].map("{:,.0f}".format),
            "isolation": scores["isolation"],
        }
    )


def rounded(frame: pd.DataFrame, digits: int = 2) -> pd.DataFrame:
    """Numbers that are not whole as text with so many digits; what is undefined is empty."""
    return frame.map(lambda value: _round(value, digits))


def html(frame: pd.DataFrame) -> Any:
    """The table as plain HTML, without row numbers."""
    from IPython.display import HTML

    table = frame.to_html(index=False, border=0, na_rep="", justify="left")
    return HTML(f'<div class="wide">{table}</div>')


def _by_benchmark(cells: pd.DataFrame) -> pd.DataFrame:
    """The column `text`: a row a method (and pair, of several), a column a benchmark, in table order."""
    keys = ["pair", "method"] if cells["pair"].nunique() > 1 else ["method"]
    rows = cells[keys].drop_duplicates().reset_index(drop=True)
    for benchmark in dict.fromkeys(cells["benchmark"]):
        column = cells.loc[cells["benchmark"] == benchmark, [*keys, "text"]]
        rows = rows.merge(column.rename(columns={"text": benchmark_title(benchmark)}), on=keys, how="left")
    return rows.fillna("")


def _score(cell: "pd.Series[Any]", levels: Levels) -> str:
    if pd.isna(cell["score"]):
        return ""
    text = f"{cell['score']:.1f}"
    if pd.notna(cell["score_low"]) and pd.notna(cell["score_high"]):
        text += f" [{cell['score_low']:.1f}, {cell['score_high']:.1f}]"
    text += f" (paper {cell['paper']:.1f})" if pd.notna(cell["paper"]) else ""
    return text + MARKS.get(verdict(cell["vs_student"], cell["vs_student_p"], levels), "")


def _round(value: Any, digits: int) -> Any:
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:.{digits}f}".replace("-", "−")
    return value
