"""Settings changed one at a time: which variants differ from their default, and which settings never do."""

from typing import Any

import pandas as pd

from semalign.report.reading import Tables
from semalign.report.templating import sentence, tally
from semalign.report.verdicts import verdicts
from semalign.report.words import wholes

KEYS = ["pair", "benchmark", "method", "variant"]


@sentence("ablations")
def ablation(tables: Tables) -> dict[str, Any] | None:
    """How many variants are undecided, each decided one with its size, and the settings without a decided one."""
    rows = variants(tables)
    if rows.empty:
        return None
    found = rows.assign(found=rows["verdict"].isin(["higher", "lower"]))
    groups = found.groupby(["method", "axis"], sort=False)["found"].any()
    silent: dict[str, list[str]] = {}
    for method, axis in groups[~groups].index:
        silent.setdefault(method, []).append(axis)
    return {"tests": tally(rows), "several": rows["method"].nunique() > 1, "silent": silent}


def variants(tables: Tables) -> pd.DataFrame:
    """The verdicts of variants against their defaults on whole benchmarks, with `axis`, `value` and `score`."""
    cells = tables["ablations"]
    cells = cells[cells["variant"] != "default"][[*KEYS, "axis", "value", "score"]]
    rows = verdicts(tables)
    rows = rows[(rows["table"] == "ablations") & (rows["against"] == "default")]
    return wholes(rows.merge(cells, on=KEYS))
