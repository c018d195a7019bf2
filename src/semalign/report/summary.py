"""The verdict of a study in at most ten lines, and in three sentences for the README."""

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from semalign.report.names import spell, titled
from semalign.report.reading import Tables, read_tables
from semalign.report.templating import render, tally
from semalign.report.verdicts import OPTIONAL, against, verdicts
from semalign.report.words import (
    STUDENT,
    TEACHER,
    is_under_study,
    methods_of,
    wholes,
)

READ = (*OPTIONAL, "detectable", "search", "decomposition", "benchmarks")
LINES = 10
MOST_BENCHMARKS = 6  # whose scores get a line
SAME = 0.02  # mean cosines closer than this count as the same


class _Tested(NamedTuple):
    """A method and its verdicts against the student."""

    method: str
    tally: dict[str, Any]

    @property
    def mean(self) -> float:
        """The mean difference over benchmarks."""
        return float(sum(row["difference"] for row in self.tally["all"]) / self.tally["total"])


def summarize(folder: Path, study: str) -> str:
    """What came out of a study, as at most ten lines of Markdown, from the tables in `folder`.

    What the study did not measure is left out; a study without any known table has a line that says so.
    """
    tables = read_tables(folder, (), READ)
    with titled(tables.levels.titles):
        data = {**_scored(tables), **_layers(tables), **_models(tables)}
    lines = render("summary", tables.levels, **data).splitlines()
    lines = [line for line in lines if line] or [f"- No results in the tables of study {study} yet."]
    return "\n".join(lines[:LINES])


def takeaways(folder: Path) -> list[str]:
    """Three sentences for readers outside the field: the gap, what helps, and what the method under study does."""
    tables = read_tables(folder, ("main",), READ)
    rows = verdicts(tables)
    with titled(tables.levels.titles):
        data = _scored(tables)
    data["own_gain"] = _or_none(against(rows, data["method"], STUDENT))
    data["control"] = _or_none(_controls(rows, data["method"]))
    data["plain"] = _or_none(against(rows, "sft", STUDENT))
    data["semalign"] = is_under_study(data["method"])
    return [line for line in render("takeaways", tables.levels, **data).splitlines() if line]


def method_shown(main: pd.DataFrame) -> str:
    """The method whose verdicts a summary lists: the one under study, or the only one; else none."""
    methods = methods_of(main)
    own = [name for name in methods if is_under_study(name)]
    return own[0] if own else methods[0] if len(methods) == 1 else ""


def _scored(tables: Tables) -> dict[str, Any]:
    """Facts about methods that were scored; all empty without a main table."""
    empty = dict.fromkeys(
        ("gap", "best", "own", "undecided", "detectable", "search", "teacher", "student", "parts")
    )
    if "main" not in tables:
        return {**empty, "own": [], "methods": 0, "places": 0, "helpers": [], "method": ""}
    main, rows = wholes(tables["main"]), verdicts(tables)
    method = method_shown(main)
    whole = tables["main"]["benchmark"]
    parts = whole[whole.str.contains("/", regex=False)]
    return {
        "gap": _or_none(against(rows, TEACHER, STUDENT)),
        "teacher": _one_score(main, TEACHER),
        "student": _one_score(main, STUDENT),
        "tasks": list(dict.fromkeys(parts.str.partition("/")[2] if len(parts) else whole)),
        "method": method,
        "places": len(main[["pair", "benchmark"]].drop_duplicates()),
        **_helpers(main, rows, method),
        "own": list(_own(rows, method)),
        "undecided": _or_none(_named(rows)),
        "detectable": _detectable(tables),
        "search": _search(tables),
    }


def _or_none(rows: pd.DataFrame) -> dict[str, Any] | None:
    return tally(rows) if len(rows) else None


def _one_score(main: pd.DataFrame, method: str) -> str:
    """A reference's score, if there is one benchmark only."""
    scores = main.loc[main["method"] == method, "score"]
    return f"{scores.iloc[0]:.1f} %" if len(scores) == 1 else ""


def _helpers(main: pd.DataFrame, rows: pd.DataFrame, method: str) -> dict[str, Any]:
    """The methods that score higher than the student on some benchmark, and the best of all on average."""
    tallies = {name: tally(against(rows, name, STUDENT)) for name in methods_of(main)}
    tested = [_Tested(name, one) for name, one in tallies.items() if one["total"]]
    helpers = [one for one in tested if one.tally["higher"]]
    best = max(helpers or tested, key=lambda one: one.mean, default=None)
    alone = [one.method for one in tested] == [method]
    trained = rows[(rows["table"] == "main") & (rows["against"] == STUDENT) & (rows["method"] != TEACHER)]
    parts = trained[trained["benchmark"].str.contains("/", regex=False)]
    return {
        "methods": len(tested),
        "helpers": helpers,
        "best": None if alone else best,
        "parts": _or_none(parts),
    }


def _own(rows: pd.DataFrame, method: str) -> list[dict[str, Any]]:
    """What the method under study does against the student, its best baseline and its random controls."""
    lines = [{"rival": "the student", "tally": _or_none(against(rows, method, STUDENT))}]
    best = against(rows, method, "best_baseline")
    names = set(best["rival"]) - {"best_baseline"}
    known = f", **{spell(names.pop())}**" if len(names) == 1 else ""
    lines.append({"rival": f"the best baseline{known}", "tally": _or_none(best)})
    controls = _controls(rows, method)
    number = controls["rival"].nunique()
    rival = f"its {number} random controls" if number > 1 else "its random control"
    lines.append({"rival": rival, "tally": _or_none(controls)})
    return [line for line in lines if line["tally"]]


def _controls(rows: pd.DataFrame, method: str) -> pd.DataFrame:
    """The named comparisons of a method with forms of itself that draw something at random."""
    named = _named(rows)
    own = named["rival"].str.startswith(f"{method}-") & named["rival"].str.contains("random", regex=False)
    return named[(named["method"] == method) & own]


def _named(rows: pd.DataFrame) -> pd.DataFrame:
    """The named comparisons on whole benchmarks; of several benchmarks their mean, if it was tested."""
    named = wholes(rows[rows["table"] == "contrasts"])
    several = named.groupby(["pair", "method", "rival"])["benchmark"].transform(
        lambda each: "mean" in set(each)
    )
    return named[(named["benchmark"] == "mean") | ~several.astype(bool)]


def _detectable(tables: Tables) -> dict[str, str] | None:
    if "detectable" not in tables:
        return None
    rows = tables["detectable"]
    rows = wholes(rows[(rows["table"] == "main") & (rows["against"] == STUDENT)])
    rows = rows.dropna(subset=["detectable", "detectable_holm"])
    return (
        None
        if rows.empty
        else {"one": _range(rows["detectable"]), "corrected": _range(rows["detectable_holm"])}
    )


def _range(values: "pd.Series[float]", digits: int = 1) -> str:
    low, high = f"{values.min():.{digits}f}", f"{values.max():.{digits}f}"
    return low if low == high else f"{low} to {high}"


def _search(tables: Tables) -> dict[str, Any] | None:
    if "search" not in tables or tables["search"].empty:
        return None
    table = tables["search"]
    if "variant" in table:
        table = table[table["variant"] == "default"]
    tried = table.groupby(["pair", "benchmark", "method"])["learning_rate"].nunique()
    low, high = tried.min(), tried.max()
    chosen = table[table["chosen"] == 1]
    rates = str(low) if low == high else f"{low} to {high}"
    return {"rates": rates, "choices": len(chosen), "edge": int((chosen["at_edge"] == 1).sum())}


def _layers(tables: Tables) -> dict[str, Any]:
    """How well output-side bases rebuild the models' hidden states, and how well random ones do."""
    if "decomposition" not in tables:
        return {"layers": None}
    table = tables["decomposition"]
    block = table[(table["interface"] == "block") & (~table["folded"] | (table["bases"] == "random"))]
    means = block.groupby(["bases", "model"], sort=False)["cosine"].mean()
    kinds = {bases: means[bases] for bases in ("output", "random") if bases in means.index}
    if "output" not in kinds:
        return {"layers": None}
    said = {bases: _range(values, 2) for bases, values in kinds.items()}
    return {
        "layers": {
            "models": [spell(name) for name in kinds["output"].index],
            "output": said["output"],
            "random": said.get("random"),
            "chance": "random" in kinds and kinds["random"].mean() >= kinds["output"].mean() - SAME,
        }
    }


def _models(tables: Tables) -> dict[str, Any]:
    """Scores of models as they are, a line per benchmark, next to published ones."""
    if "benchmarks" not in tables:
        return {"scores": [], "published": None, "empty": 0}
    table = tables["benchmarks"]
    known = table.dropna(subset=["published"])
    above = int((known["published"] > known["score_high"]).sum())
    below = int((known["published"] < known["score_low"]).sum())
    counts = {"total": len(known), "above": above, "below": below, "inside": len(known) - above - below}
    lines = [
        {"benchmark": name, "text": _scores(rows, table["model"].nunique() > 1)}
        for name, rows in table.groupby("benchmark", sort=False)
    ]
    return {
        "scores": lines[:MOST_BENCHMARKS],
        "published": counts if len(known) else None,
        "empty": float(table["empty"].max()),
    }


def _scores(rows: pd.DataFrame, several: bool) -> str:
    """`15.0 % [5.7, 29.8] (paper), ...`; of several models the best of each protocol."""
    best = rows.loc[rows.groupby("protocol", sort=False)["score"].idxmax()]
    return ", ".join(
        f"{row['score']:.1f} % [{row['score_low']:.1f}, {row['score_high']:.1f}] "
        f"({'best: ' + spell(row['model']) + ', ' if several else ''}protocol {row['protocol']})"
        for row in best.to_dict("records")
    )
