"""The ladder in words: the first rung above the untouched student, and the steps that are significant."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from semalign.report.levels import Levels
from semalign.report.reading import Tables
from semalign.report.templating import sentence, tally
from semalign.report.verdicts import verdicts
from semalign.report.words import STUDENT, TEACHER, verdict, wholes

WHERE = ["pair", "benchmark"]
MEASURES = ("score", "kl", "agreement")


@sentence("ladder", "main")
def ladder(tables: Tables) -> dict[str, Any]:
    """The first rung that scores higher than the student, and every significant step, for each whole benchmark."""
    tests = verdicts(tables)
    tests = tests[tests["table"].isin(["main", "ladder"]) & (tests["against"] == STUDENT)]
    steps = wholes(tables["ladder"])
    where = [column for column in WHERE if steps[column].nunique() > 1]
    blocks = [block for _, block in steps.groupby(WHERE, sort=False)]
    places = [_place(block, tests, tables.levels) | named_place(block, where) for block in blocks]
    return {"places": places, "family": int(tables["ladder"]["score_p_holm"].notna().sum())}


@sentence("ladder", "main")
def targets(tables: Tables) -> dict[str, Any]:
    """Which rungs score higher and lower than the student, and the step to the first one above it."""
    tests = verdicts(tables)
    tests = tests[tests["table"].isin(["main", "ladder"]) & (tests["against"] == STUDENT)]
    steps = wholes(tables["ladder"])
    where = ["benchmark", *(["pair"] if steps["pair"].nunique() > 1 else [])]
    places = []
    for _, block in steps.groupby(WHERE, sort=False):
        rungs = block.sort_values("rung").to_dict("records")
        tested = _tested([str(rung["method"]) for rung in rungs], tests, rungs[0])
        groups = {word: [row for row in tested if row["verdict"] == word] for word in ("higher", "lower")}
        first = groups["higher"][0]["method"] if groups["higher"] else None
        found = [_step(rung, tables.levels) for rung in rungs if rung["method"] == first]
        step = next((step for step in found if step["below"] == step["below"]), None)
        places.append({**groups, "tested": len(tested), "step": step} | named_place(block, where))
    return {"places": places}


def named_place(block: pd.DataFrame, columns: Iterable[str]) -> dict[str, list[str]]:
    """The names of a block's pair and benchmark, if the table has several."""
    return {"where": [str(block[column].iloc[0]) for column in columns]}


def _place(block: pd.DataFrame, tests: pd.DataFrame, levels: Levels) -> dict[str, Any]:
    rungs = block.sort_values("rung").to_dict("records")
    found = [_step(rung, levels) for rung in rungs if rung["below"] == rung["below"]]
    scores = pd.DataFrame([step["score"] for step in found], columns=["difference", "low", "high", "verdict"])
    facts: dict[str, Any] = {"steps": [step for step in found if step["decided"]], "count": len(found)}
    facts["quiet"] = tally(scores.assign(pair="", benchmark=""))["undecided"]
    return facts | _above_student([str(rung["method"]) for rung in rungs], tests, rungs[0])


def _step(rung: Mapping[Any, Any], levels: Levels) -> dict[str, Any]:
    """A rung against the one below, by every measure; `decided` are those that are significant."""
    step: dict[str, Any] = {"method": rung["method"], "below": rung["below"]}
    for measure in MEASURES:
        own = {end: rung[f"{measure}_vs_below{suffix}"] for end, suffix in _ENDS}
        own |= {"p": rung[f"{measure}_p_holm"]}
        step[measure] = own | {"verdict": verdict(own["difference"], own["p"], levels)}
    decided = [name for name in MEASURES if step[name]["verdict"] in ("higher", "lower")]
    return step | {"decided": decided}


_ENDS = (("difference", ""), ("low", "_low"), ("high", "_high"))


def _above_student(methods: Iterable[str], tests: pd.DataFrame, place: Mapping[Any, Any]) -> dict[str, Any]:
    """The lowest trained rung above the student by a corrected test, and the number of tests."""
    tested = _tested(methods, tests, place)
    first = next((row for row in tested if row["verdict"] == "higher"), None)
    return {"first": first, "tested": len(tested)}


def _tested(methods: Iterable[str], tests: pd.DataFrame, place: Mapping[Any, Any]) -> list[dict[Any, Any]]:
    """The tests of trained rungs against the student at one pair and benchmark, the lowest rung first."""
    here = tests[(tests["pair"] == place["pair"]) & (tests["benchmark"] == place["benchmark"])]
    by_method = here.drop_duplicates("method").set_index("method", drop=False).to_dict("index")
    return [by_method[name] for name in methods if name in by_method and name != TEACHER]
