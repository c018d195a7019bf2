"""Whether the direction in which a layer's states move predicts how much a method gains."""

from typing import Any

import pandas as pd

from semalign.report.displaced import (
    ACHIEVED,
    DEFAULT,
    KINDS,
    TARGET,
    ceiling,
    displaced,
    nearness_predicts,
    predicts,
)
from semalign.report.reading import Tables
from semalign.report.relation import FEWEST, Correlation
from semalign.report.templating import sentence
from semalign.report.words import method_under_study, side

WHERE = ["pair", "benchmark"]


@sentence("main", "displacement", "comparisons")
def displacement(tables: Tables) -> dict[str, Any] | None:
    """Whether displacements like the reference's go with a gain: achieved ones, those of targets, and by comparison
    nearness to the paper's target, by rank correlations over the same variants.
    """
    variants = displaced(tables["displacement"], tables["comparisons"])
    if variants.empty:
        return None
    method = method_under_study(tables["main"])
    places = [_place(where, block, tables, method) for where, block in variants.groupby(WHERE, sort=False)]
    return {"method": method, "places": places}


def _place(where: Any, block: pd.DataFrame, tables: Tables, method: str) -> dict[str, Any]:
    measured = tables["displacement"]
    measured = measured[(measured["pair"] == where[0]) & (measured["benchmark"] == where[1])]
    top = ceiling(measured)
    facts = {"pair": where[0], "benchmark": where[1], "reference": top.method, "near": None}
    facts["ceiling"] = {"difference": top.cosine, "low": top.low, "high": top.high} if top.known else None
    facts["relations"] = {kind: _relation(predicts(block, kind, tables.levels)) for kind in KINDS}
    targets = block[(block["kind"] == TARGET) & (block["variant"] == DEFAULT)]
    facts["targets"] = [_cosine(cell) for cell in targets.to_dict("records")]
    facts["own"] = next((cell for cell in facts["targets"] if cell["method"] == method), None)
    achieved = block[
        (block["kind"] == ACHIEVED) & (block["variant"] == DEFAULT) & (block["method"] == method)
    ]
    facts["achieved"] = next((_cosine(cell) for cell in achieved.to_dict("records")), None)
    facts["others"] = [cell for cell in facts["targets"] if cell["method"] != method]
    if "geometry" in tables and "seeds" in tables:
        near = nearness_predicts(block, tables["geometry"], tables["seeds"], tables.levels)
        facts["near"] = _relation(near) if near.variants else None
    return facts


def _cosine(cell: dict[Any, Any]) -> dict[str, Any]:
    bounds = {"difference": cell["cosine"], "low": cell["cosine_low"], "high": cell["cosine_high"]}
    return {"method": cell["method"], **bounds}


def _relation(found: Correlation) -> dict[str, Any]:
    """A correlation for a template: `sign` is 1 or -1 if its interval excludes zero, else 0, None if undefined.

    `few`: it is undefined because there are too few variants; otherwise because all of them have the same value.
    """
    bounds = {"difference": found.estimate, "low": found.low, "high": found.high}
    sign = None if pd.isna(found.estimate) else side(found.low, found.high)
    return {"variants": found.variants, "few": found.variants < FEWEST, "sign": sign, **bounds}
