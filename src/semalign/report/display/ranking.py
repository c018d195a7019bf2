"""The ranking on the validation split, as readers see it."""

import pandas as pd

from semalign.report.display.texts import shown, with_interval
from semalign.report.names import spell
from semalign.report.reading import Tables

TERA = 1e12


@shown("ranking")
def ranking_table(tables: Tables) -> pd.DataFrame:
    """One row per method, the best first: validation and test score `[low, high]`, best seed, costs of a training."""
    ranking = tables["ranking"]
    keys = ["pair", "benchmark", "method"]
    best = ranking[ranking["seed"].notna() & (ranking["rank"] == 1)].set_index(keys)["seed"]
    several = [name for name in ("pair", "benchmark") if ranking[name].nunique() > 1]
    rows = []
    for row in ranking[ranking["seed"].isna()].to_dict("records"):
        flops = row["train_flops"]
        rows.append(
            {
                **{name: spell(row[name]) for name in several},
                "rank": str(int(row["rank"])),
                "method": spell(row["method"]),
                "validation": with_interval(row, "validation"),
                "best seed": str(int(best[tuple(row[key] for key in keys)])),
                "test": with_interval(row, "test_score"),
                "training (s)": f"{row['train_seconds']:.1f}",
                "training (TFLOP)": "" if pd.isna(flops) else f"{flops / TERA:.3g}",
            }
        )
    return pd.DataFrame(rows)
