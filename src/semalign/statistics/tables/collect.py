"""All tables of a study as text, from the results of its comparisons."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from semalign.config.statistics import StatisticsSettings
from semalign.runtime.columns import COLUMNS
from semalign.statistics.tables.agreement import agreement_rows
from semalign.statistics.tables.bits import bit_rows
from semalign.statistics.tables.cells import Key
from semalign.statistics.tables.changes import change_rows
from semalign.statistics.tables.compare import AGAINST, Against, Results
from semalign.statistics.tables.contrasts import contrast_rows
from semalign.statistics.tables.costs import cost_rows, study_cost_rows
from semalign.statistics.tables.dose import dose_rows
from semalign.statistics.tables.extra import comparison_rows, detectable_rows, seed_rows, warn_of_resolution
from semalign.statistics.tables.free_text import free_text_rows
from semalign.statistics.tables.grid import grid_files
from semalign.statistics.tables.ladder import ladder_rows
from semalign.statistics.tables.notes import main_notes
from semalign.statistics.tables.order import Order
from semalign.statistics.tables.parts import part_rows
from semalign.statistics.tables.render import main_latex, main_markdown
from semalign.statistics.tables.rows import ablation_keys, corrected, main_keys, rung_keys, table_row
from semalign.statistics.tables.text import csv_text, rounded

Row = dict[str, Any]
LADDER = "ladder"  # the family of tests of methods that are only rungs


@dataclass(frozen=True)
class Tested:
    """The rows of the two tables with tests, and each table's p-values, corrected as one family."""

    main: list[Row]
    ablations: list[Row]
    p_values: dict[str, dict[tuple[Key, Against], float]]


def table_texts(results: Results, order: Order, settings: StatisticsSettings) -> dict[str, str]:
    """File name -> text of every table.

    Files: main.csv, ablations.csv, parts.csv (scores of a mixture's cells on each of its parts), agreement.csv (KL and
    agreement with the teacher), bits.csv (bits per character of references), free_text.csv (exact and lenient match of
    generated text), changes.csv (items that changed most), costs.csv, study_costs.csv, seeds.csv (one row per cell),
    comparisons.csv (every test with its interval and both p-values), contrasts.csv, detectable.csv, ladder.csv (methods
    against the one below each), dose.csv (drop of the layer loss and its effect), main.md, main.tex, scores.csv|md|tex
    (methods x benchmarks, with the paper's scores), metrics.json, and levels.json (the level of the tests, the
    confidence of the intervals, the printed names of methods, and which are controls).

    The p-values of each table (main, ablations) are corrected as one family: all its tests against the student,
    the best baseline and, for a variant, the method's default. See `compare` for how the best baseline is chosen.
    Methods that are only rungs of the ladder are in ladder.csv, dose.csv and seeds.csv; their tests against the student
    are a separate family.
    """
    tested = _test(results, order)
    comparisons: list[Row] = []
    detectable: list[Row] = []
    for table, family in tested.p_values.items():
        warn_of_resolution(table, len(family), settings)
        comparisons += comparison_rows(table, results, family)
        if table != LADDER:
            detectable += detectable_rows(table, results, family, order, settings)
    agreement = agreement_rows(results, order, settings)
    whole = [key for key in main_keys(results, order) if not order.is_part(key.benchmark)]
    rows = {
        "main": tested.main,
        "ablations": tested.ablations,
        "parts": _shown(part_rows(results, order), order),
        "agreement": _shown(agreement, order),
        "bits": _shown(bit_rows(results, order, settings), order),
        "free_text": _shown(free_text_rows(results, order, settings), order),
        "changes": change_rows(results, order),
        "seeds": seed_rows(results),
        "comparisons": comparisons,
        "costs": cost_rows(results, main_keys(results, order)),
        "study_costs": study_cost_rows(results, whole),
        "contrasts": contrast_rows(results, order, settings),
        "detectable": detectable,
        "dose": dose_rows(results, agreement, order),
        "ladder": ladder_rows(results, order, settings),
    }
    notes = main_notes(detectable, len(tested.p_values["main"]), settings)
    readable = _with_baselines(tested.main, results)
    return {
        **{f"{name}.csv": csv_text(COLUMNS[name], own) for name, own in rows.items()},
        "main.md": main_markdown(readable, notes),
        "main.tex": main_latex(readable, notes),
        **grid_files(tested.main, order.references, settings),
        "metrics.json": _json(nested_metrics(tested.main, order)),
        "levels.json": _json(levels(order, settings)),
    }


def _shown(rows: Iterable[Row], order: Order) -> list[Row]:
    """The rows of methods that are not only rungs of the ladder."""
    return [row for row in rows if row["method"] not in order.rungs]


def levels(order: Order, settings: StatisticsSettings) -> Row:
    """Facts for the report: the level of the tests, the confidence of the intervals, printed names, controls."""
    facts = {"alpha": settings.alpha, "confidence": settings.confidence, "titles": order.titles}
    return facts if order.controls is None else facts | {"controls": order.controls}


def nested_metrics(rows: Iterable[Row], order: Order) -> Row:
    """benchmark -> method -> score, and the share of the gap closed, for a table that fits a screen.

    It has the student, the teacher and the method under study: the first one of the contrasts, or else of all methods.
    A study of several pairs has the pairs as the first level. Parts of mixtures and undefined values are left out.
    """
    trained = [name for name in order.methods if name not in (order.student, order.teacher)]
    shown = {order.student, order.teacher, *[contrast[0] for contrast in order.contrasts][:1]}
    shown.update(trained[:1] if len(shown) < 3 else ())
    pairs: dict[str, Row] = {}
    for row in rows:
        if row["method"] in shown and "/" not in row["benchmark"]:
            method = pairs.setdefault(row["pair"], {}).setdefault(row["benchmark"], {})
            figures = {name: row[name] for name in ("score", "gap_closed") if row[name] is not None}
            method[row["method"]] = {name: rounded(value) for name, value in figures.items()}
    return next(iter(pairs.values())) if len(pairs) == 1 else pairs


def _test(results: Results, order: Order) -> Tested:
    main = main_keys(results, order)
    ablations = ablation_keys(results, order)
    p_values = {
        "main": corrected(results, main),
        "ablations": corrected(results, [key for key, _, _ in ablations]),
    }
    if rungs := rung_keys(results, order):
        p_values[LADDER] = corrected(results, rungs)
    varied = [
        table_row(key, results, p_values["ablations"], order, AGAINST) | {"axis": axis, "value": value}
        for key, axis, value in ablations
    ]
    return Tested([table_row(key, results, p_values["main"], order) for key in main], varied, p_values)


def _with_baselines(rows: Iterable[Row], results: Results) -> list[Row]:
    """The rows of the main table, each with the name of its best baseline."""
    names = {
        tuple(key): comparison.baseline
        for (key, against), comparison in results.comparisons.items()
        if against == "best_baseline"
    }
    keys = Key._fields
    return [row | {"best_baseline": names.get(tuple(row[key] for key in keys))} for row in rows]


def _json(value: Row) -> str:
    return json.dumps(value, indent=2, allow_nan=False) + "\n"
