"""Tables as readers of a notebook see them: names in rows, numbers with their intervals."""

from typing import Any

import pandas as pd

from semalign.analysis.sentences.words import verdict

MARKS = {"higher": " ▲", "lower": " ▼"}
COSTS = {
    "train_seconds": ("training (s)", "{:.1f}"),
    "peak_memory_mb": ("peak memory (MB)", "{:,.0f}"),
    "trainable_parameters": ("trainable parameters", "{:,.0f}"),
}


def score_table(main: pd.DataFrame) -> pd.DataFrame:
    """Methods x benchmarks: `score [low, high]` in percent, marked where it differs from the student's."""
    return _by_benchmark(main.assign(text=[_score(cell) for _, cell in main.iterrows()]))


def detectable_table(detectable: pd.DataFrame) -> pd.DataFrame:
    """The smallest differences in points that the tests of the main table can be expected to find."""
    shown = detectable[detectable["table"] == "main"]
    names = {"detectable": "one test (points)", "detectable_holm": "corrected (points)"}
    keys = ["pair", "benchmark"] if shown["pair"].nunique() > 1 else ["benchmark"]
    table = shown[[*keys, "against", "items", "seeds", *names]].rename(columns=names)
    return rounded(table.assign(against=table["against"].str.replace("_", " ")), 1)


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


def cost_table(main: pd.DataFrame) -> pd.DataFrame:
    """A row a method: means over pairs and benchmarks of training time, peak memory, trainable parameters."""
    means = main.groupby("method", sort=False)[list(COSTS)].mean()
    table = pd.DataFrame({"method": means.index})
    for column, (title, form) in COSTS.items():
        table[title] = ["" if pd.isna(value) else form.format(value) for value in means[column]]
    return table


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
        rows = rows.merge(column.rename(columns={"text": benchmark}), on=keys, how="left")
    return rows.fillna("")


def _score(cell: "pd.Series[Any]") -> str:
    if pd.isna(cell["score"]):
        return ""
    text = f"{cell['score']:.1f}"
    if pd.notna(cell["score_low"]) and pd.notna(cell["score_high"]):
        text += f" [{cell['score_low']:.1f}, {cell['score_high']:.1f}]"
    text += f" (paper {cell['paper']:.1f})" if pd.notna(cell["paper"]) else ""
    return text + MARKS.get(verdict(cell["vs_student"], cell["vs_student_p"]), "")


def _round(value: Any, digits: int) -> Any:
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:.{digits}f}".replace("-", "−")
    return value
