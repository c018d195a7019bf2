"""What a study's tables say of an exported cell: its scores, those of the models beside it, and of its controls."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from semalign.config.cells import DEFAULT
from semalign.export.cells import Exported
from semalign.report.names import spell, titled
from semalign.report.reading import Tables, read_tables
from semalign.report.words import REFERENCES, interval


def read_scores(exported: Exported) -> Tables:
    """The tables that a card is made from."""
    return read_tables(exported.study / "tables", ("main", "seeds"), ("ranking",))


def score_rows(exported: Exported, tables: Tables) -> Iterator[dict[str, str]]:
    """Test scores of student and teacher, of the exported method, and of its controls, each with its interval."""
    cell, main = exported.cell, tables["main"]
    own = main[(main["pair"] == cell.pair) & (main["benchmark"] == cell.benchmark)]
    wanted = [*REFERENCES, cell.method, *filter(tables.levels.is_control, own["method"])]
    with titled(tables.levels.titles):
        for _, row in own[own["method"].isin(wanted)].iterrows():
            yield {
                "method": spell(row["method"]) + " (control)" * tables.levels.is_control(row["method"]),
                "seeds": str(row["seeds"]),
                "score": percent(row),
                "difference": _difference(row),
            }


def score_on_test(exported: Exported, tables: Tables) -> float | None:
    """The exported seed's own score on the test split in percent; None if the tables do not have the cell."""
    seeds = tables["seeds"]
    found = seeds[_is_cell(exported, seeds) & (seeds["variant"] == exported.cell.variant)]
    return float(found["score"].iloc[0]) if len(found) else None


def validation_row(exported: Exported, tables: Tables) -> pd.Series | None:
    """The exported seed's row of the ranking; None if the study has no ranking or does not rank the cell."""
    ranking = tables.get("ranking")
    if ranking is None or exported.cell.variant != DEFAULT:
        return None
    found = ranking[_is_cell(exported, ranking)]
    return found.iloc[0] if len(found) else None


def percent(row: Any, name: str = "score") -> str:
    """`51.2 % [45.0, 57.3]`."""
    value, low, high = (row[f"{name}{end}"] for end in ("", "_low", "_high"))
    return f"{value:.1f} % [{low:.1f}, {high:.1f}]"


def _difference(row: Any) -> str:
    value = row["vs_student"]
    return "" if pd.isna(value) else interval(value, float("nan"), float("nan"))


def _is_cell(exported: Exported, table: pd.DataFrame) -> Any:
    cell = exported.cell
    same = (table["pair"] == cell.pair) & (table["benchmark"] == cell.benchmark)
    return same & (table["method"] == cell.method) & (table["seed"] == cell.seed)
