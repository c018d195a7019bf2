"""Settings changed one at a time: which variants differ from their default, and which settings never do."""

from typing import Any

import pandas as pd

from semalign.report.reading import Tables
from semalign.report.templating import sentence, tally
from semalign.report.verdicts import verdicts
from semalign.report.words import spread, wholes

KEYS = ["pair", "benchmark", "method", "variant"]


@sentence("ablations")
def ablation(tables: Tables) -> dict[str, Any] | None:
    """How many variants are undecided, the significant ones with their sizes, and the settings without any."""
    rows = variants(tables)
    if rows.empty:
        return None
    found = rows.assign(found=rows["verdict"].isin(["higher", "lower"]))
    groups = found.groupby(["method", "axis"], sort=False)["found"].any()
    silent: dict[str, list[str]] = {}
    for method, axis in groups[~groups].index:
        silent.setdefault(method, []).append(axis)
    facts = {"tests": tally(rows), "several": rows["method"].nunique() > 1, "silent": silent}
    return facts | {"seeds": _seeds(tables["ablations"])}


def _seeds(cells: pd.DataFrame) -> dict[str, str]:
    """The numbers of seeds of variants and of defaults; empty if they are the same."""
    default = cells["variant"] == "default"
    numbers = [spread(rows["seeds"], 0) for rows in (cells[~default], cells[default]) if len(rows)]
    return dict(zip(("variants", "defaults"), numbers, strict=True)) if len(set(numbers)) == 2 else {}


def most(tables: Tables, method: str) -> dict[str, Any] | None:
    """Those ablated settings of a method that have a variant above the default, and the best such variant.

    If the method itself is not ablated, the first of its forms (`<method>-...`) is described that has such a setting,
    or else the first form.
    """
    rows = variants(tables)
    names = [name for name in rows["method"].unique() if name == method or name.startswith(f"{method}-")]
    if not names:
        return None
    ordered = sorted(names, key=lambda name: name != method)
    every = [_most(tables, rows[rows["method"] == name]) for name in ordered]
    own = every[0]["method"] == method
    return every[0] if own else next((facts for facts in every if facts["raised"]), every[0])


def _most(tables: Tables, rows: pd.DataFrame) -> dict[str, Any]:
    """`most` of one method, from the verdicts of its variants."""
    method, raised = rows["method"].iloc[0], rows[rows["verdict"] == "higher"]
    facts = {
        "method": method,
        "settings": rows["axis"].nunique(),
        "raised": raised["axis"].nunique(),
        "best": None,
    }
    if raised.empty or rows["benchmark"].nunique() > 1 or rows["pair"].nunique() > 1:
        return facts
    best = raised.iloc[int(raised["difference"].argmax())].to_dict()
    cells = tables["ablations"]
    default = cells[(cells["variant"] == "default") & (cells["method"] == method)]
    default = default.loc[default["axis"] == best["axis"], "value"]
    return facts | {"best": best, "default": str(default.iloc[0]) if len(default) else ""}


def variants(tables: Tables) -> pd.DataFrame:
    """The verdicts of variants against their defaults on whole benchmarks, with `axis`, `value` and `score`."""
    cells = tables["ablations"]
    cells = cells[cells["variant"] != "default"][[*KEYS, "axis", "value", "score"]]
    rows = verdicts(tables)
    rows = rows[(rows["table"] == "ablations") & (rows["against"] == "default")]
    return wholes(rows.merge(cells, on=KEYS))
