"""Tables as readers see them: printed names in rows, numbers with their intervals.

Every function takes the tables that `read_tables` gives and returns text; it returns a table without rows if the study
did not measure what it shows.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from semalign.report.names import part_titles, spell, titled
from semalign.report.reading import Tables
from semalign.report.sentences.ablations import variants
from semalign.report.sentences.budgets import fixed_rates
from semalign.report.templating import NOT_MEASURED
from semalign.report.words import interval, side, verdict, wholes
from semalign.runtime.tables_text import markdown

Table = Callable[[Tables], pd.DataFrame]
MARKS = {"higher": " ▲", "lower": " ▼", 1: " ▲", -1: " ▼"}
EDGE, IDLE = "*", "†"
TRAINED = "trained parameters"
WORDS = ("pair", "method", "model", "benchmark", "protocol", "isolation", "bases", "against")
ROWS = ("comparison", "setting", "method and variant")
BOUNDS = ("", "_low", "_high")
COSTS = {
    "trainable_parameters": ("trainable parameters", "{:,.0f}"),
    "train_flops": ("training (TFLOP)", "{:.3g}"),
    "signal_flops": ("teacher's signals (TFLOP)", "{:.3g}"),
    "search_seconds": ("search (s)", "{:.1f}"),
    "signal_seconds": ("teacher's signals (s)", "{:.1f}"),
    "teacher_passes": ("teacher passes", "{:,.0f}"),
    "signal_mb": ("stored signals (MB)", "{:.2f}"),
    "peak_memory_mb": ("peak memory, training (MB)", "{:,.0f}"),
    "signal_memory_mb": ("peak memory, signals (MB)", "{:,.0f}"),
}


UNITS = {"flops": ("TFLOP", "{:.3g}"), "seconds": ("s", "{:.0f}")}
STUDY_PARTS = {
    "signal": "signals, once",
    "search": "search",
    "seed": "final seeds",
    "study": "all",
    "grid": "5 rates x 5 seeds",
}
TERA = 1e12


def shown(needed: str) -> Callable[[Table], Table]:
    """Make a table for readers from the study's table `needed`: with printed names; no rows if it is missing."""

    def wrap(make: Table) -> Table:
        @functools.wraps(make)
        def show(tables: Tables) -> pd.DataFrame:
            if needed not in tables or tables[needed].empty:
                return pd.DataFrame()
            with titled(tables.levels.titles):
                return make(tables)

        return show

    return wrap


@shown("main")
def score_table(tables: Tables) -> pd.DataFrame:
    """Methods x benchmarks: `score [low, high]` in percent, marked if it differs from the student's.

    If methods train different numbers of parameters, a column gives them. A method is marked if its learning rate is
    fixed while others are searched.
    """
    main = tables["main"]
    table = _by_benchmark(main.assign(text=[_score(row, tables) for row in main.to_dict("records")]))
    fixed = [spell(name) for name in fixed_rates(tables)]
    table["method"] = [f"{name} (fixed rate)" if name in fixed else name for name in table["method"]]
    keys = ["pair", "method"] if main["pair"].nunique() > 1 else ["method"]
    trained = main.groupby(keys, sort=False)["trainable_parameters"].max()
    return table if trained[trained > 0].nunique() < 2 else table.assign(**{TRAINED: _counts(trained)})


def _counts(numbers: "pd.Series[Any]") -> list[str]:
    return ["" if pd.isna(number) else f"{number:,.0f}" for number in numbers]


@shown("bits")
def bits_table(tables: Tables) -> pd.DataFrame:
    """Methods x benchmarks: bits per character `[low, high]`, marked if the difference's interval excludes zero."""
    default = tables["bits"][tables["bits"]["variant"] == "default"]
    texts = [
        _with_interval(row, "bits", 3) + MARKS.get(side(row["vs_student_low"], row["vs_student_high"]), "")
        for row in default.to_dict("records")
    ]
    return _by_benchmark(default.assign(text=texts))


@shown("agreement")
def agreement_table(tables: Tables) -> pd.DataFrame:
    """Methods x whole benchmarks: KL from the teacher and top-1 agreement, with their changes from the student."""
    cells = wholes(tables["agreement"])
    cells = cells[cells["variant"] == "default"]
    parts = []
    for measure, column, name, digits in (
        ("kl", "teacher_kl", "KL (nats per token)", 3),
        ("agreement", "teacher_agreement", "top-1 agreement (%)", 1),
    ):
        texts = [
            f"{row[column]:.{digits}f}" + _moved(row, f"{measure}_vs_student", digits)
            for row in cells.to_dict("records")
        ]
        several = cells["benchmark"].nunique() > 1
        places = [f"{spell(place)}: {name}" if several else name for place in cells["benchmark"]]
        parts.append(cells.assign(text=texts, benchmark=places))
    return _by_benchmark(pd.concat(parts), title=str)


@shown("ablations")
def ablation_table(tables: Tables) -> pd.DataFrame:
    """Variants x whole benchmarks: score in percent, difference from the default `[low, high]`, marked by its test."""
    rows = variants(tables)
    several = rows["method"].nunique() > 1
    settings = [
        f"{axis} = {value}" + (f" ({spell(method)})" if several else "")
        for method, axis, value in rows[["method", "axis", "value"]].itertuples(index=False)
    ]
    texts = [
        f"{row['score']:.1f} ({_difference(row)}){MARKS.get(row['verdict'], '')}"
        for row in rows.to_dict("records")
    ]
    return _by_benchmark(rows.assign(method=settings, text=texts), "setting")


@shown("contrasts")
def contrast_table(tables: Tables) -> pd.DataFrame:
    """Comparisons x benchmarks: difference in points `[low, high]`, marked if its corrected test is significant."""
    rows = tables["contrasts"].rename(columns={"difference_low": "low", "difference_high": "high"})
    texts = [
        _difference(row) + MARKS.get(verdict(row["difference"], row["p_holm"], tables.levels), "")
        for row in rows.to_dict("records")
    ]
    names = rows["method"].map(spell) + " − " + rows["other"].map(spell)
    return _by_benchmark(rows.assign(method=names, text=texts), "comparison")


@shown("parts")
def part_table(tables: Tables) -> pd.DataFrame:
    """Methods and variants x parts of a mixture: score in percent, and difference from the student `[low, high]`."""
    parts = tables["parts"]
    default = parts["variant"] == "default"
    names = parts["method"].map(spell)
    names = names.where(default, names + ": " + parts["variant"].str.replace("~", " = "))
    texts = [f"{row['score']:.1f}" + _moved(row, "vs_student") for row in parts.to_dict("records")]
    places = parts["benchmark"] + "/" + parts["part"]
    return _by_benchmark(parts.assign(method=names, text=texts, benchmark=places), "method and variant")


@shown("search")
def search_table(tables: Tables) -> pd.DataFrame:
    """Methods x benchmarks: the chosen learning rate and other searched settings, and their validation score.

    Scores have `[low, high]`. `*` marks a rate at an edge, `†` a score that is not above the untouched student's. Of
    variants that were searched too, only the default is shown.
    """
    choices = tables["search"][tables["search"]["chosen"] == 1]
    if "variant" in choices:
        choices = choices[choices["variant"] == "default"]
    texts = [
        f"{_searched(row)}: {_with_interval(row, 'score')}{IDLE * (row.get('gain', 1) <= 0)}"
        for row in choices.to_dict("records")
    ]
    return _by_benchmark(choices.assign(text=texts))


def _searched(row: Mapping[Any, Any]) -> str:
    """The searched settings of a choice."""
    others = row.get("settings", "")
    rate = f"{row['learning_rate']:g}{EDGE * int(row['at_edge'])}"
    return f"{rate}, {others}" if isinstance(others, str) and others else rate


@shown("detectable")
def detectable_table(tables: Tables) -> pd.DataFrame:
    """The smallest differences in points that the tests of the main table can be expected to detect."""
    rows = tables["detectable"]
    rows = rows[rows["table"] == "main"]
    names = {"detectable": "one test (points)", "detectable_holm": "corrected (points)"}
    keys = ["pair", "benchmark"] if rows["pair"].nunique() > 1 else ["benchmark"]
    table = rows[[*keys, "against", "items", "seeds", *names]].rename(columns=names)
    spelt = {"pair": spell, "benchmark": part_titles(table["benchmark"])}
    named = {key: table[key].map(spelt[key]) for key in keys}
    numbers = {
        name: table[name].map(lambda value: "" if pd.isna(value) else f"{value:.1f}")
        for name in names.values()
    }
    return table.assign(against=table["against"].str.replace("_", " "), **named, **numbers)


@shown("head")
def head_table(tables: Tables) -> pd.DataFrame:
    """How much of the final state and of its most likely token is kept: one row per model and kind of bases."""
    head = tables["head"]
    percent = head.assign(**{f"kept{end}": 100 * head[f"top1{end or '_agreement'}"] for end in BOUNDS})
    return pd.DataFrame(
        {
            "model": head["model"].map(spell),
            "bases": head["bases"],
            "norm folded in": head["folded"].map({True: "yes", False: "no"}),
            "same next token (%)": [_with_interval(row, "kept") for row in percent.to_dict("records")],
            "cosine": head["cosine"].map("{:.3f}".format),
        }
    )


@shown("costs")
def cost_table(tables: Tables) -> pd.DataFrame:
    """One row per method: its costs as means over pairs and benchmarks; training time with its range."""
    groups = tables["costs"].groupby("method", sort=False)
    known = {name: look for name, look in COSTS.items() if name in tables["costs"]}
    means = groups[[*known, "train_seconds"]].mean()
    low, high = groups["train_seconds_low"].min(), groups["train_seconds_high"].max()
    table = pd.DataFrame({"method": means.index.map(spell)})
    table["training (s) [least, most]"] = [
        "" if pd.isna(mean) else f"{mean:.1f} [{least:.1f}, {most:.1f}]"
        for mean, least, most in zip(means["train_seconds"], low, high, strict=True)
    ]
    if fixed_rates(tables):
        table["learning rate"] = (
            groups["searched"].first().map({0: "fixed", 1: "searched"}).fillna("").tolist()
        )
    for column, (title, form) in known.items():
        if column.endswith("flops"):
            means[column] /= TERA
        table[title] = ["" if pd.isna(value) else form.format(value) for value in means[column]]
    return table


@shown("study_costs")
def study_cost_table(tables: Tables) -> pd.DataFrame:
    """One row per method: operations and seconds of a whole study with it, summed over pairs and benchmarks."""
    table = tables["study_costs"]
    parts = [f"{part}_{unit}" for unit in UNITS for part in STUDY_PARTS]
    sums = table.groupby("method", sort=False)[parts].sum(
        min_count=len(table[["pair", "benchmark"]].drop_duplicates())
    )
    shown = pd.DataFrame({"method": sums.index.map(spell)})
    for unit, (name, form) in UNITS.items():
        for part, title in STUDY_PARTS.items():
            values = sums[f"{part}_{unit}"] / (TERA if unit == "flops" else 1)
            shown[f"{title} ({name})"] = ["" if pd.isna(value) else form.format(value) for value in values]
    return shown


@shown("benchmarks")
def benchmark_table(tables: Tables) -> pd.DataFrame:
    """Models as they are: score `[low, high]` in percent, published scores, and how fast they were measured."""
    scores = tables["benchmarks"]
    return pd.DataFrame(
        {
            "model": scores["model"].map(spell),
            "benchmark": scores["benchmark"].map(spell),
            "protocol": scores["protocol"],
            "items": scores["items"],
            "score (%)": [_with_interval(row, "score") for row in scores.to_dict("records")],
            "empty answers (%)": scores["empty"].map("{:.0f}".format),
            "published (%)": scores["published"].map(lambda value: "" if pd.isna(value) else f"{value:.1f}"),
            "items per second": scores["items_per_second"].map("{:.2f}".format),
            "tokens per second": scores["tokens_per_second"].map("{:,.0f}".format),
            "isolation": scores["isolation"],
        }
    )


def html(frame: pd.DataFrame, otherwise: str = NOT_MEASURED) -> Any:
    """The table as plain HTML, without row numbers; `otherwise` if it has no row."""
    from IPython.display import HTML

    if frame.empty:
        return HTML(f"<p>{otherwise}</p>")
    table = frame.to_html(index=False, border=0, na_rep="", justify="left")
    return HTML(f'<div class="wide">{table}</div>')


def as_markdown(frame: pd.DataFrame) -> str:
    """The table as Markdown: names aligned to the left, numbers to the right; nothing if it has no row."""
    return "" if frame.empty else markdown(frame, [column not in (*WORDS, *ROWS) for column in frame.columns])


def _by_benchmark(
    cells: pd.DataFrame, rows_are: str = "method", title: Callable[[str], str] | None = None
) -> pd.DataFrame:
    """The column `text`: one row per method (and pair, of several), one column per benchmark, in table order."""
    title = title or part_titles(cells["benchmark"])
    keys = ["pair", "method"] if cells["pair"].nunique() > 1 else ["method"]
    rows = cells[keys].drop_duplicates().reset_index(drop=True)
    for benchmark in dict.fromkeys(cells["benchmark"]):
        column = cells.loc[cells["benchmark"] == benchmark, [*keys, "text"]]
        rows = rows.merge(column.rename(columns={"text": title(benchmark)}), on=keys, how="left")
    named = rows.assign(**{key: rows[key].map(spell) for key in keys if rows_are == key or key == "pair"})
    return named.fillna("").rename(columns={"method": rows_are})


def _score(row: Mapping[Any, Any], tables: Tables) -> str:
    if pd.isna(row["score"]):
        return ""
    paper = f" (paper {row['paper']:.1f})" if pd.notna(row["paper"]) else ""
    mark = MARKS.get(verdict(row["vs_student"], row["vs_student_p"], tables.levels), "")
    return _with_interval(row, "score") + paper + mark


def _with_interval(row: Mapping[Any, Any], name: str, digits: int = 1) -> str:
    """`34.0 [26.6, 42.0]`, or the value alone if it has no interval."""
    value, low, high = (f"{row[f'{name}{end}']:.{digits}f}" for end in BOUNDS)
    return (
        value if pd.isna(row[f"{name}_low"]) or pd.isna(row[f"{name}_high"]) else f"{value} [{low}, {high}]"
    )


def _difference(row: Mapping[Any, Any]) -> str:
    return interval(row["difference"], row["low"], row["high"])


def _moved(row: Mapping[Any, Any], name: str, digits: int = 1) -> str:
    """` (+1.2 [−0.3, +2.7])`, marked if the interval excludes zero; nothing for the student itself."""
    if pd.isna(row[name]):
        return ""
    value, low, high = (float(row[f"{name}{end}"]) for end in BOUNDS)
    return f" ({interval(value, low, high, digits)}){MARKS.get(side(low, high), '')}"
