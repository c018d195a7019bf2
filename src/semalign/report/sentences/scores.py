"""Who scores higher than whom, from the verdicts: the gap, what helps, and what stays undecided."""

from typing import Any

import pandas as pd

from semalign.report.reading import Tables
from semalign.report.templating import NOT_MEASURED, once, sentence, tally
from semalign.report.verdicts import against, named, verdicts
from semalign.report.words import SAME, STUDENT, TEACHER, method_under_study, methods_of, spread, wholes


@sentence("main")
def gap(tables: Tables) -> dict[str, Any] | None:
    """Whether there is something to transfer: the teacher against the student."""
    rows = against(verdicts(tables), TEACHER, STUDENT)
    scores = {name: one_score(tables["main"], name) for name in (TEACHER, STUDENT)}
    return {"gap": tally(rows), **scores} if len(rows) else None


@sentence("main")
def helps(tables: Tables) -> dict[str, Any] | None:
    """How many methods score higher than the student, the best of them on average, and how many controls do."""
    rows = verdicts(tables)
    tallies, chance = gains(tables), gains(tables, controls=True)
    parts = rows[(rows["table"] == "main") & (rows["against"] == STUDENT) & rows["method"].isin([*tallies])]
    parts = parts[parts["benchmark"].str.contains("/", regex=False)]
    helpers, raised = raising(tallies), raising(chance)
    best, top = best_of(helpers or tallies), best_of(raised or chance)
    facts = {"methods": len(tallies), "helpers": helpers, "best": best, "parts": tally(parts)}
    facts["several"] = max([one["total"] for one in (*tallies.values(), *chance.values())], default=0) > 1
    facts |= {"controls": len(chance), "raised": len(raised), "top": top, "top_tally": chance.get(top)}
    same = all(len(one["outcomes"][SAME]) == one["total"] for one in tallies.values())
    return {**facts, "same": same, "tally": tallies[best]} if best else None


@sentence("main")
def own(tables: Tables) -> dict[str, Any] | None:
    """The method under study against the student, its best baseline and its random controls, one line each."""
    rows, method = verdicts(tables), method_under_study(tables["main"])
    best, random = against(rows, method, "best_baseline"), controls(rows, method)
    rivals = set(best["rival"]) - {"best_baseline"}
    lines = {
        "the student": against(rows, method, STUDENT),
        "the best baseline": best,
        "its random control" + ("s" if random["rival"].nunique() > 1 else ""): random,
    }
    baseline = rivals.pop() if len(rivals) == 1 else ""
    control = tables.levels.is_control(baseline)
    other = _strongest(tables, rows, method) if control else ""
    if other:
        tests = named(rows)
        lines[other] = tests[(tests["method"] == method) & (tests["rival"] == other)]
    found = {rival: tally(rows) for rival, rows in lines.items() if len(rows)}
    facts = {"method": method, "lines": found, "baseline": baseline, "control": control, "other": other}
    return facts if found else None


def _strongest(tables: Tables, rows: pd.DataFrame, method: str) -> str:
    """Among the named comparisons with methods that are not controls: the method that is furthest ahead."""
    tests = named(rows)
    tests = tests[(tests["method"] == method) & ~tests["rival"].map(tables.levels.is_control).astype(bool)]
    return "" if tests.empty else str(tests.groupby("rival", sort=False)["difference"].mean().idxmin())


@sentence("contrasts")
def contrasts(tables: Tables) -> dict[str, Any]:
    """Each named comparison that is significant, with its size."""
    return {"tests": tally(named(verdicts(tables)))}


@sentence("main")
def undecided(tables: Tables) -> dict[str, Any] | None:
    """How many of the named comparisons are undecided, and the smallest difference that a test can detect."""
    tests = tally(named(verdicts(tables)))
    sizes = detectable(tables)
    known = sizes != NOT_MEASURED
    return {"tests": tests, "sizes": sizes if known else ""} if tests["total"] or known else None


@sentence("detectable")
def detectable(tables: Tables) -> dict[str, Any] | None:
    """The smallest difference from the student that the main table's tests can be expected to detect."""
    rows = tables["detectable"]
    rows = wholes(rows[(rows["table"] == "main") & (rows["against"] == STUDENT)])
    rows = rows.dropna(subset=["detectable", "detectable_holm"])
    return (
        None
        if rows.empty
        else {"one": spread(rows["detectable"]), "corrected": spread(rows["detectable_holm"])}
    )


@sentence("main")
def gap_closed(tables: Tables) -> dict[str, Any] | None:
    """The share of the gap that the method under study closes, if the teacher is clearly above the student."""
    main = wholes(tables["main"])
    method = method_under_study(main)
    cells = main[main["method"] == method]
    names = {"gap_closed": "difference", "gap_closed_low": "low", "gap_closed_high": "high"}
    shares = cells.dropna(subset=list(names)).rename(columns=names)
    shares[list(names.values())] *= 100
    facts = {"method": method, "shares": shares.to_dict("records"), "undefined": len(cells) - len(shares)}
    return facts if len(cells) else None


def gains(tables: Tables, controls: bool = False) -> dict[str, dict[str, Any]]:
    """Method (or control) -> its verdicts against the student on whole benchmarks; without a test it is left out."""
    rows, levels = verdicts(tables), tables.levels
    names = [name for name in methods_of(tables["main"]) if levels.is_control(name) == controls]
    tallies = {name: tally(against(rows, name, STUDENT)) for name in names}
    return {name: one for name, one in tallies.items() if one["total"]}


def raising(tallies: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Those that score higher than the student on at least one benchmark."""
    return {name: one for name, one in tallies.items() if one["higher"]}


def best_of(tallies: dict[str, dict[str, Any]]) -> str:
    """The method with the largest mean difference, among those on the most benchmarks; empty if there is none."""
    most = max((one["total"] for one in tallies.values()), default=0)
    means = {
        name: sum(row["difference"] for row in one["all"]) / one["total"]
        for name, one in tallies.items()
        if one["total"] == most
    }
    return max(means, key=means.__getitem__, default="")


def controls(rows: pd.DataFrame, method: str) -> pd.DataFrame:
    """The named comparisons of a method with its random controls."""
    tests = named(rows)
    control = tests["rival"].str.startswith(f"{method}-") & tests["rival"].str.contains("random", regex=False)
    return tests[(tests["method"] == method) & control.astype(bool)]


def one_score(main: pd.DataFrame, method: str) -> str:
    """A method's score, if there is one whole benchmark; else nothing."""
    scores = wholes(main[main["method"] == method])["score"]
    return f"{scores.iloc[0]:.1f} %" if len(scores) == 1 else ""


def tasks_of(main: pd.DataFrame) -> list[str]:
    """The benchmarks, or the parts of their mixtures."""
    names = main["benchmark"].astype(str)
    parts = names[names.str.contains("/", regex=False)]
    return once(parts.str.partition("/")[2] if len(parts) else names)
