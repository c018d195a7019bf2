"""Sentences about the ablations."""

import pandas as pd

from semalign.analysis.sentences.words import listing, place, signed


def ablation(frame: pd.DataFrame) -> str:
    """How many variants lie apart from their default, and which one moves the score most.

    Apart means that the two intervals don't overlap: a stricter demand than a paired test, which the sentence
    says, because the table has no test against the default.
    """
    pairs = _with_default(frame)
    if pairs.empty:
        return "This study has no ablation."
    above = int((pairs["score_low"] > pairs["score_high_default"]).sum())
    below = int((pairs["score_high"] < pairs["score_low_default"]).sum())
    words = [f"{number} lie {side}" for number, side in ((above, "above"), (below, "below")) if number]
    lead = f"{listing(words)} their default" if words else "none lies apart from its default"
    move = (pairs["score"] - pairs["score_default"]).to_numpy()
    top = pairs.iloc[int(abs(move).argmax())]
    change = signed(top["score"] - top["score_default"])
    counted = (
        f"Of {len(pairs)} variants x benchmarks, {lead} with intervals that do not overlap (a stricter "
        "demand than a paired test)."
    )
    if not move.any():
        return f"{counted} No variant moves the score."
    return (
        f"{counted} The largest move is that of **{top['axis']} = {top['value']}** on "
        f"{place(frame, top['pair'], top['benchmark'])}: {change} points, from "
        f"{top['score_default']:.1f} to {top['score']:.1f} %."
    )


def ablation_axes(frame: pd.DataFrame) -> pd.DataFrame:
    """A row an axis and value: difference from the default in points over benchmarks, largest loss first."""
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
