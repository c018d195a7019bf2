"""Scores of methods and variants, and their comparisons, as readers see them."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from semalign.report.display.texts import (
    MARKS,
    by_benchmark,
    difference_of,
    moved,
    shown,
    with_interval,
)
from semalign.report.names import part_titles, spell
from semalign.report.reading import Tables
from semalign.report.sentences.ablations import variants
from semalign.report.sentences.budgets import fixed_rates
from semalign.report.words import side, verdict, wholes

TRAINED = "trained parameters"
# of free text: table, column, column of the difference, printed name, digits
FREE_TEXT = (
    ("free_text", "exact", "exact_vs_student", "exact match (%)", 1),
    ("free_text", "lenient", "lenient_vs_student", "lenient match (%)", 1),
    ("free_text", "token_f1", "token_f1_vs_student", "token F1 (%)", 1),
    ("bits", "bits", "vs_student", "bits per character", 3),
    ("agreement", "teacher_agreement", "agreement_vs_student", "agreement with the teacher (%)", 1),
)


@shown("main")
def score_table(tables: Tables) -> pd.DataFrame:
    """Methods x benchmarks: `score [low, high]` in percent, marked if it differs from the student's.

    If methods train different numbers of parameters, a column gives them. A method is marked if its learning rate is
    fixed while others are searched.
    """
    main = tables["main"]
    table = by_benchmark(main.assign(text=[_score(row, tables) for row in main.to_dict("records")]))
    fixed = [spell(name) for name in fixed_rates(tables)]
    table["method"] = [f"{name} (fixed learning rate)" if name in fixed else name for name in table["method"]]
    keys = ["pair", "method"] if main["pair"].nunique() > 1 else ["method"]
    trained = main.groupby(keys, sort=False)["trainable_parameters"].max()
    return table if trained[trained > 0].nunique() < 2 else table.assign(**{TRAINED: _counts(trained)})


def _counts(numbers: "pd.Series[Any]") -> list[str]:
    return ["" if pd.isna(number) else f"{number:,.0f}" for number in numbers]


def _score(row: Mapping[Any, Any], tables: Tables) -> str:
    if pd.isna(row["score"]):
        return ""
    paper = f" (paper {row['paper']:.1f})" if pd.notna(row["paper"]) else ""
    mark = MARKS.get(verdict(row["vs_student"], row["vs_student_p"], tables.levels), "")
    return with_interval(row, "score") + paper + mark


@shown("bits")
def bits_table(tables: Tables) -> pd.DataFrame:
    """Methods x benchmarks: bits per character `[low, high]`, marked if the difference's interval excludes zero."""
    default = tables["bits"][tables["bits"]["variant"] == "default"]
    texts = [
        with_interval(row, "bits", 3) + MARKS.get(side(row["vs_student_low"], row["vs_student_high"]), "")
        for row in default.to_dict("records")
    ]
    return by_benchmark(default.assign(text=texts))


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
            f"{row[column]:.{digits}f}" + moved(row, f"{measure}_vs_student", digits)
            for row in cells.to_dict("records")
        ]
        several = cells["benchmark"].nunique() > 1
        places = [f"{spell(place)}: {name}" if several else name for place in cells["benchmark"]]
        parts.append(cells.assign(text=texts, benchmark=places))
    return by_benchmark(pd.concat(parts), title=str)


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
        f"{row['score']:.1f} ({difference_of(row)}){MARKS.get(row['verdict'], '')}"
        for row in rows.to_dict("records")
    ]
    return by_benchmark(rows.assign(method=settings, text=texts), "setting")


@shown("contrasts")
def contrast_table(tables: Tables) -> pd.DataFrame:
    """Comparisons x benchmarks: difference in points `[low, high]`, marked if its corrected test is significant."""
    rows = tables["contrasts"].rename(columns={"difference_low": "low", "difference_high": "high"})
    texts = [
        difference_of(row) + MARKS.get(verdict(row["difference"], row["p_holm"], tables.levels), "")
        for row in rows.to_dict("records")
    ]
    names = rows["method"].map(spell) + " − " + rows["other"].map(spell)
    return by_benchmark(rows.assign(method=names, text=texts), "comparison")


@shown("parts")
def part_table(tables: Tables) -> pd.DataFrame:
    """Methods and variants x parts of a mixture: score in percent, and difference from the student `[low, high]`."""
    parts = tables["parts"]
    default = parts["variant"] == "default"
    names = parts["method"].map(spell)
    names = names.where(default, names + ": " + parts["variant"].str.replace("~", " = "))
    texts = [f"{row['score']:.1f}" + moved(row, "vs_student") for row in parts.to_dict("records")]
    places = parts["benchmark"] + "/" + parts["part"]
    return by_benchmark(parts.assign(method=names, text=texts, benchmark=places), "method and variant")


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


@shown("free_text")
def free_text_table(tables: Tables) -> pd.DataFrame:
    """Methods x benchmarks of free text: exact and lenient match, token F1, bits per character, and agreement.

    Each with its change from the student `[low, high]`, marked if the interval excludes zero.
    """
    parts = []
    for table, column, against, name, digits in FREE_TEXT:
        if table not in tables or tables[table].empty:
            continue
        cells = tables[table]
        places = tables["free_text"]["benchmark"].unique()
        cells = cells[(cells["variant"] == "default") & cells["benchmark"].isin(places)]
        texts = [
            f"{row[column]:.{digits}f}" + moved(row, against, digits) for row in cells.to_dict("records")
        ]
        several = len(places) > 1
        names = [f"{spell(place)}: {name}" if several else name for place in cells["benchmark"]]
        parts.append(cells.assign(text=texts, benchmark=names)[["pair", "method", "benchmark", "text"]])
    return by_benchmark(pd.concat(parts), title=str)
