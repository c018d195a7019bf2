"""How training works: falling losses, and whether a student closer in space answers more like the teacher."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from semalign.report.levels import Levels
from semalign.report.reading import Tables
from semalign.report.relation import Correlation, by_variant, rank_correlation, trained
from semalign.report.templating import sentence
from semalign.report.words import STUDENT, method_under_study, side

WHERE = ["pair", "benchmark"]
EDGE = 0.1  # share of the steps that counts as the start of training, and as its end
# measure of behaviour -> sign of its relation to closeness if closer means more like the teacher
TOWARDS = {"teacher_kl": -1, "teacher_agreement": 1}
MEASURES = (*TOWARDS, "score")


@sentence("main", "curves")
def curves(tables: Tables) -> dict[str, Any] | None:
    """How far each loss term of the method under study fell from the first to the last tenth of the steps."""
    table, method = tables["curves"], method_under_study(tables["main"])
    cells = table[(table["method"] == method) & (table["variant"] == "default")]
    if cells.empty:
        return None
    terms = {str(term): _fall(rows) for term, rows in cells.groupby("term", sort=False)}
    return {"method": method, "runs": len(cells[[*WHERE, "seed"]].drop_duplicates()), "terms": terms}


def _fall(rows: pd.DataFrame) -> dict[str, float]:
    ends = []
    for _, run in rows.groupby([*WHERE, "seed"], sort=False):
        losses = run.sort_values("step")["loss"]
        width = max(1, int(EDGE * len(losses)))
        ends.append((losses.iloc[:width].mean(), losses.iloc[-width:].mean()))
    first, last = (sum(values) / len(ends) for values in zip(*ends, strict=True))
    return {"first": first, "last": last, "fell": sum(end < start for start, end in ends), "runs": len(ends)}


@sentence("main", "geometry", "seeds")
def closer(tables: Tables) -> dict[str, Any] | None:
    """Whether variants closer to the paper's target are more like the teacher, by rank correlations.

    Over all trained variants, and over those of the method under study alone, because methods differ in more than
    their geometry.
    """
    method = method_under_study(tables["main"])
    table = by_variant(tables["geometry"], tables["seeds"])
    if trained(table).empty:
        return None
    blocks = table.groupby(WHERE, sort=False)
    places = [_closer(where, block, method, tables.levels) for where, block in blocks]
    return {"method": method, "places": places}


def _closer(where: Any, block: pd.DataFrame, method: str, levels: Levels) -> dict[str, Any]:
    variants = trained(block)
    student = block[block["method"] == STUDENT]
    own = variants[variants["method"] == method]
    facts = {"pair": where[0], "benchmark": where[1], "count": len(variants), "own_count": len(own)}
    facts |= {"student": None, "relations": _relations(variants, MEASURES, levels)}
    facts["own"] = _relations(own, TOWARDS, levels)
    if len(student):
        cosine, kl = student["cosine_centred"].iloc[0], student["teacher_kl"].iloc[0]
        moved = variants[variants["cosine_centred"] > cosine]
        nearer = {"nearer": len(moved), "also": int((moved["teacher_kl"] < kl).sum())}
        facts["student"] = {"cosine": cosine, "kl": kl, **nearer}
    return facts


def _relations(variants: pd.DataFrame, names: Iterable[str], levels: Levels) -> dict[str, Any] | None:
    """The correlations with the centred cosine, and the measures by which closer is more (or less) like the teacher."""
    found: dict[str, Correlation] = {
        name: rank_correlation(variants, "cosine_centred", name, levels) for name in names
    }
    if all(pd.isna(one.estimate) for one in found.values()):
        return None
    sides = {name: sign * side(found[name].low, found[name].high) for name, sign in TOWARDS.items()}
    rows = {
        name: {"difference": one.estimate, "low": one.low, "high": one.high} for name, one in found.items()
    }
    more, less = ([name for name, value in sides.items() if value == sign] for sign in (1, -1))
    return {"rows": rows, "more": more, "less": less}
