"""Sentences about the ablations."""

from typing import Any

import pandas as pd

from semalign.report.levels import Levels
from semalign.report.words import listing, p_value, place, signed, verdict

KEYS = ["pair", "benchmark", "method", "axis"]
MOST_NAMED = 6  # variants that a sentence names, the largest differences first


def ablation(frame: pd.DataFrame, levels: Levels) -> str:
    """Which choices differ detectably from the default, for better and for worse, and which none does.

    The verdicts are those of the paired tests against the default, corrected over the table. A table from
    before these tests is judged by intervals that don't overlap, a stricter demand, which the sentence says.
    """
    pairs = _with_default(frame)
    if pairs.empty:
        return "This study has no ablation."
    tested = "vs_default_p" in pairs and pairs["vs_default_p"].notna().any()
    counted = _by_test(frame, pairs, levels) if tested else _by_intervals(pairs)
    move = (pairs["score"] - pairs["score_default"]).to_numpy()
    if not move.any():
        return f"{counted} No variant moves the score."
    top = pairs.iloc[int(abs(move).argmax())]
    change = signed(top["score"] - top["score_default"])
    return (
        f"{counted} The largest move is that of **{_name(pairs, top)}** on "
        f"{place(frame, top['pair'], top['benchmark'])}: {change} points, from "
        f"{top['score_default']:.1f} to {top['score']:.1f} %."
    )


def ablation_axes(frame: pd.DataFrame, levels: Levels) -> pd.DataFrame:
    """A row an axis and value: difference from the default in points over benchmarks, largest loss first.

    Where there are tests, on how many benchmarks the variant is detectably better and worse.
    """
    pairs = _with_default(frame)
    pairs = pairs.assign(difference=pairs["score"] - pairs["score_default"])
    keys = ["pair", "method", "axis", "value"]
    groups = pairs.groupby(keys, sort=False)
    table = groups["difference"].agg(["mean", "min", "max", "size"]).reset_index()
    names = {"mean": "mean difference", "min": "lowest", "max": "highest", "size": "benchmarks"}
    if "vs_default_p" in pairs:
        said = pd.Series(_verdicts(pairs, levels), index=pairs.index)
        for title, word in (("better", "higher"), ("worse", "lower")):
            wins = pairs.assign(wins=said == word).groupby(keys, sort=False)["wins"].sum()
            table[title] = wins.to_numpy().astype(int)
    return table.rename(columns=names).sort_values("mean difference", kind="stable").reset_index(drop=True)


def axes_without_effect(frame: pd.DataFrame, levels: Levels) -> str:
    """The axes of which no value differs detectably from the default on any benchmark."""
    pairs = _with_default(frame)
    if "vs_default_p" not in pairs or pairs.empty:
        return ""
    axes = pairs.assign(found=[word in ("higher", "lower") for word in _verdicts(pairs, levels)])
    groups = axes.groupby(["method", "axis"], sort=False)["found"].any().reset_index()
    several = groups["method"].nunique() > 1
    rows = groups[~groups["found"]].to_dict("records")
    silent = [f"{row['axis']} ({row['method']})" if several else str(row["axis"]) for row in rows]
    if not silent:
        return "On every axis some value differs detectably from the default."
    return (
        f"On {len(silent)} of {len(groups)} axes no value differs detectably from the default: {listing(silent)}. "
        "That is no proof that they do not matter, only that this study does not see it."
    )


def _by_test(frame: pd.DataFrame, pairs: pd.DataFrame, levels: Levels) -> str:
    said = _verdicts(pairs, levels)
    parts = []
    for word in ("higher", "lower"):
        same = pairs[[verdict == word for verdict in said]]
        order = same["vs_default"].abs().sort_values(ascending=False, kind="stable").index
        named = [_tested(frame, pairs, row) for _, row in same.loc[order].iterrows()]
        more = f"; and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
        listed = f" ({'; '.join(named[:MOST_NAMED])}{more})" if named else ""
        verb = "score" if len(named) > 1 else "scores"
        parts.append(f"{len(named) or 'none'} {verb} {word}{listed}")
    return (
        f"Of {len(pairs)} variants x benchmarks, by paired tests against the default, corrected over the table, "
        f"{' and '.join(parts)}; {said.count('no detectable difference')} show no detectable difference."
    )


def _tested(frame: pd.DataFrame, pairs: pd.DataFrame, row: "pd.Series[Any]") -> str:
    where = f" on {place(frame, row['pair'], row['benchmark'])}" if _several(frame) else ""
    return f"{_name(pairs, row)}{where} {signed(row['vs_default'])} points, {p_value(row['vs_default_p'])}"


def _several(frame: pd.DataFrame) -> bool:
    return len(frame[["pair", "benchmark"]].drop_duplicates()) > 1


def _name(pairs: pd.DataFrame, row: "pd.Series[Any]") -> str:
    name = f"{row['axis']} = {row['value']}"
    return f"{name} of {row['method']}" if pairs["method"].nunique() > 1 else name


def _by_intervals(pairs: pd.DataFrame) -> str:
    above = int((pairs["score_low"] > pairs["score_high_default"]).sum())
    below = int((pairs["score_high"] < pairs["score_low_default"]).sum())
    words = [f"{number} lie {side}" for number, side in ((above, "above"), (below, "below")) if number]
    lead = f"{listing(words)} their default" if words else "none lies apart from its default"
    return (
        f"Of {len(pairs)} variants x benchmarks, {lead} with intervals that do not overlap (a stricter "
        "demand than a paired test)."
    )


def _verdicts(pairs: pd.DataFrame, levels: Levels) -> list[str]:
    tests = pairs[["vs_default", "vs_default_p"]].itertuples(index=False, name=None)
    return [verdict(difference, p, levels) for difference, p in tests]


def _with_default(frame: pd.DataFrame) -> pd.DataFrame:
    """Each variant beside its default: columns `score_default`, `score_low_default`, `score_high_default`."""
    default = frame.loc[frame["variant"] == "default", [*KEYS, "score", "score_low", "score_high"]]
    variants = frame[frame["variant"] != "default"]
    return variants.merge(default, on=KEYS, suffixes=("", "_default"))
