"""Sentences about the ablations."""

import pandas as pd

from semalign.analysis.sentences.words import listing, signed


def ablation(frame: pd.DataFrame) -> str:
    """How many variants leave their default's 95 % interval with their own, and which one moves the score most.

    Two intervals that do not overlap are a stricter criterion than a paired test, and the sentence says so.
    """
    pairs = _with_default(frame)
    if pairs.empty:
        return "This study has no ablation."
    above = int((pairs["score_low"] > pairs["score_high_default"]).sum())
    below = int((pairs["score_high"] < pairs["score_low_default"]).sum())
    moves = (pairs["score"] - pairs["score_default"]).abs()
    top = pairs.loc[moves.idxmax()]
    words = [f"{number} {side}" for number, side in ((above, "above"), (below, "below")) if number]
    lead = f"{listing(words)} the default's" if words else "none apart from the default's"
    return (
        f"Of {len(pairs)} variants x benchmarks, {lead} with intervals that do not overlap (a stricter demand than "
        f"a paired test). The largest move is that of **{top['axis']} = {top['value']}** on {top['benchmark']}: "
        f"{signed(top['score'] - top['score_default'])} points, from {top['score_default']:.1f} "
        f"to {top['score']:.1f} %."
    )


def ablation_axes(frame: pd.DataFrame) -> pd.DataFrame:
    """One row an axis and value: mean difference from the default over benchmarks, in points, largest loss first."""
    pairs = _with_default(frame)
    pairs = pairs.assign(difference=pairs["score"] - pairs["score_default"])
    keys = ["pair", "method", "axis", "value"]
    table = pairs.groupby(keys, sort=False)["difference"].agg(["mean", "min", "max", "size"]).reset_index()
    names = {"mean": "mean difference", "min": "lowest", "max": "highest", "size": "benchmarks"}
    return table.rename(columns=names).sort_values("mean difference", kind="stable").reset_index(drop=True)


def _with_default(frame: pd.DataFrame) -> pd.DataFrame:
    """Each variant beside its default: columns `score_default`, `score_low_default`, `score_high_default`."""
    keys = ["pair", "benchmark", "method", "axis"]
    default = frame.loc[frame["variant"] == "default", [*keys, "score", "score_low", "score_high"]]
    variants = frame[frame["variant"] != "default"]
    return variants.merge(default, on=keys, suffixes=("", "_default"))
