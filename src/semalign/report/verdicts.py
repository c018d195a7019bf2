"""Every paired test of a study as one row: the two methods, the benchmark, the difference and the verdict."""

import pandas as pd

from semalign.report.reading import Tables
from semalign.report.words import verdict, wholes

# `against` is the role of the rival (student, best_baseline, default, other), `rival` its name; `low` and `high` bound
# the difference in points and are not corrected for several tests, `p` is corrected over the tests of its `table`.
COLUMNS = (
    "table",
    "pair",
    "benchmark",
    "method",
    "variant",
    "against",
    "rival",
    "difference",
    "low",
    "high",
    "p",
    "verdict",
)
OPTIONAL = ("main", "ablations", "comparisons", "contrasts")
_BOUNDS = {"difference_low": "low", "difference_high": "high", "p_holm": "p"}
_ROLES = {"main": ("student", "best_baseline"), "ablations": ("default", "student", "best_baseline")}


def verdicts(tables: Tables) -> pd.DataFrame:
    """One row per test (`COLUMNS`), from the tables in `OPTIONAL` that are given.

    Verdicts: `higher`, `lower`, `undecided`, and `untested` without a p-value.
    """
    parts = [_compared(tables), _contrasted(tables)]
    rows = pd.concat([part for part in parts if not part.empty] or parts)
    outcomes = [
        verdict(difference, p, tables.levels)
        for difference, p in rows[["difference", "p"]].astype(float).itertuples(index=False)
    ]
    return rows.assign(verdict=outcomes)[list(COLUMNS)].reset_index(drop=True)


def against(rows: pd.DataFrame, method: str, role: str) -> pd.DataFrame:
    """The verdicts of one method of the main table against one role, on whole benchmarks."""
    chosen = (rows["table"] == "main") & (rows["method"] == method) & (rows["against"] == role)
    return wholes(rows[chosen])


def named(rows: pd.DataFrame) -> pd.DataFrame:
    """The comparisons that the config names, on whole benchmarks; only the mean over benchmarks if that was tested."""
    tests = wholes(rows[rows["table"] == "contrasts"])
    keys = [tests["pair"], tests["method"], tests["rival"]]
    mean = (tests["benchmark"] == "mean").groupby(keys).transform("any").astype(bool)
    return tests[(tests["benchmark"] == "mean") | ~mean]


def _compared(tables: Tables) -> pd.DataFrame:
    """Tests of the main table and of the ablations; without intervals if the comparisons are not given."""
    if "comparisons" in tables:
        return tables["comparisons"].drop(columns="p").rename(columns={**_BOUNDS, "baseline": "rival"})
    parts = [
        _from_cells(table, tables[table], role)
        for table, roles in _ROLES.items()
        if table in tables
        for role in roles
        if f"vs_{role}_p" in tables[table]
    ]
    return pd.concat(parts) if parts else pd.DataFrame(columns=list(COLUMNS))


def _from_cells(table: str, cells: pd.DataFrame, role: str) -> pd.DataFrame:
    tested = cells.dropna(subset=[f"vs_{role}"])
    rows = tested.rename(columns={f"vs_{role}": "difference", f"vs_{role}_p": "p"})
    return rows.assign(table=table, against=role, rival=role, low=float("nan"), high=float("nan"))


def _contrasted(tables: Tables) -> pd.DataFrame:
    if "contrasts" not in tables:
        return pd.DataFrame(columns=list(COLUMNS))
    rows = tables["contrasts"].drop(columns="p").rename(columns={**_BOUNDS, "other": "rival"})
    return rows.assign(table="contrasts", variant="default", against="other")
