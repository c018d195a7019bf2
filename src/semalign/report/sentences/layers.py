"""Layers: how well their states are rebuilt, which are critical, and which are paired."""

from typing import Any

import pandas as pd

from semalign.report.reading import Tables
from semalign.report.templating import once, sentence
from semalign.report.words import spread

DEFAULT = "default"
WHERE = ["pair", "benchmark"]
# states that are rebuilt, in order of preference
INTERFACES = {"block": "block outputs", "mlp": "feed-forward outputs", "attention": "attention outputs"}
SAME = 0.02  # mean cosines closer than this count as the same
Pairs = list[tuple[int, tuple[tuple[int, float], ...]]]  # student layer, teacher layers with their weights


@sentence("decomposition")
def decomposition(tables: Tables) -> dict[str, Any] | None:
    """How well output-side bases rebuild hidden states, next to input-side and random ones (norm not folded in)."""
    return rebuilt(tables)


@sentence("decomposition")
def vocabulary(tables: Tables) -> dict[str, Any] | None:
    """Like `decomposition`, in one sentence."""
    return rebuilt(tables)


def rebuilt(tables: Tables) -> dict[str, Any] | None:
    """Mean cosines of hidden states with their reconstructions, by kind of bases; None without output-side bases."""
    table = tables["decomposition"]
    interface = next((name for name in INTERFACES if name in set(table["interface"])), "")
    table = table[(table["interface"] == interface) & (~table["folded"] | (table["bases"] == "random"))]
    lines = dict(iter(table.groupby("bases", sort=False)))
    if "output" not in lines:
        return None
    means = {bases: rows.groupby("model", sort=False)["cosine"].mean() for bases, rows in lines.items()}
    counts = {bases: _above(lines["output"], lines[bases]) for bases in ("input", "random") if bases in lines}
    return {
        "models": once(lines["output"]["model"]),
        "states": INTERFACES.get(interface, "hidden states"),
        "means": {bases: spread(values, 2) for bases, values in means.items()},
        "above": counts,
        "chance": "random" in means and means["random"].mean() >= means["output"].mean() - SAME,
        "isotropic": spread(lines["output"].groupby("model")["isotropic"].mean(), 2),
    }


def _above(line: pd.DataFrame, other: pd.DataFrame) -> tuple[int, int]:
    """Number of layers in which the first line's interval is above the other's, and number of all layers."""
    both = line.merge(
        other.drop_duplicates(["model", "layer"]), on=["model", "layer"], suffixes=("", "_other")
    )
    return int((both["cosine_low"] > both["cosine_high_other"]).sum()), len(both)


@sentence("attribution")
def attribution(tables: Tables) -> dict[str, Any] | None:
    """Which teacher layer is critical on each benchmark, and how often other ways of scoring agree."""
    table = tables["attribution"]
    top = table[table["critical"] == 1]
    default = top[top["name"] == DEFAULT]
    if default.empty:
        return None
    others = top[top["name"] != DEFAULT].merge(
        default[[*WHERE, "layer"]], on=WHERE, suffixes=("", "_default")
    )
    same = (others["layer"] == others["layer_default"]).groupby(others["name"], sort=False)
    layers = table.groupby("pair", sort=False)["layer"].max()
    return {
        "critical": default.to_dict("records"),
        "equal": spread(100 / layers, 0),
        "others": {str(name): (int(agree.sum()), len(agree)) for name, agree in same},
    }


@sentence("pairing")
def pairing(tables: Tables) -> dict[str, Any]:
    """Which teacher layers each student layer is paired with, which settings change that, and the shared tokens."""
    table = tables["pairing"]
    default = table[table["name"] == DEFAULT]
    pairs: dict[Any, Pairs] = {where: _pairs(rows) for where, rows in default.groupby(WHERE, sort=False)}
    mappings: list[Pairs] = []
    for own in pairs.values():
        mappings += [own] if own not in mappings else []
    settings: dict[bool, list[str]] = {True: [], False: []}
    for name, rows in table[table["name"] != DEFAULT].groupby("name", sort=False):
        same = all(pairs.get(where) == _pairs(cells) for where, cells in rows.groupby(WHERE, sort=False))
        settings[same].append(str(name))
    first = table.drop_duplicates("pair")
    shared = first.to_dict("records") if "shared_tokens" in table else []
    for row in shared:
        counts = (row.get(f"{role}_left_out") or 0 for role in ("teacher", "student"))
        row["left_out"] = any(count > 0 for count in counts)  # the columns may be missing or empty
    return {"mappings": mappings, "changed": settings[False], "same": settings[True], "shared": shared}


def _pairs(rows: pd.DataFrame) -> Pairs:
    """(student layer, teacher layers with weights), layer by layer."""
    pairs = []
    for row in rows.sort_values("student_layer").to_dict("records"):
        mixed = {int(row["below"]): 1 - row["weight"]}
        mixed[int(row["above"])] = mixed.get(int(row["above"]), 0.0) + row["weight"]
        kept = tuple((layer, round(weight, 3)) for layer, weight in mixed.items() if weight > 0)
        pairs.append((int(row["student_layer"]), kept))
    return pairs
