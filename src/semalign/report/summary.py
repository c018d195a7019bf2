"""The verdict of a study in at most ten lines, and in a few sentences for the README."""

from pathlib import Path
from typing import Any

import pandas as pd

from semalign.report import sentences
from semalign.report.reading import read_tables
from semalign.report.sentences.ablations import most
from semalign.report.sentences.scores import best_of, controls, gains, one_score, raising, tasks_of
from semalign.report.sentences.teacher import DISTILLED, TRAINED, sides
from semalign.report.studies import STUDIES, UNKNOWN
from semalign.report.templating import NOT_MEASURED, render, tally
from semalign.report.verdicts import OPTIONAL, against, named, verdicts
from semalign.report.words import STUDENT, TEACHER, is_under_study, method_under_study

READ = (*OPTIONAL, "detectable", "search", "decomposition", "benchmarks", "ladder")
LINES = 10
RIVALS = (TRAINED, DISTILLED)  # what a correction is compared with
# (question, sentence that answers it); a sentence without a question continues the answer before it
ANSWERS = (
    ("Is there something to transfer?", sentences.gap),
    ("What helps?", sentences.helps),
    ("", sentences.own),
    ("What must a target be?", sentences.targets),
    ("Does the teacher add anything to labels?", sentences.teacher),
    ("What stays open?", sentences.undecided),
    ("How was the learning rate chosen?", sentences.edges),
    ("Does the vocabulary carry the hidden states?", sentences.vocabulary),
    ("", sentences.scored),
    ("Are published scores met?", sentences.published),
    ("Are there empty answers?", sentences.empty),
)


def summarize(folder: Path, study: str) -> str:
    """Summarize a study in at most ten lines of Markdown, from the tables in `folder`.

    What the study did not measure is left out; a study without any known table has one line that says so.
    """
    tables = read_tables(folder, (), READ)
    texts = [(question, answer(tables)) for question, answer in ANSWERS]
    answers = [(question, text) for question, text in texts if text != NOT_MEASURED]
    tested = "main" in tables and not verdicts(tables).empty
    text = render("summary", tables.levels, study=study, answers=answers, tested=tested)
    lines = [line for line in text.splitlines() if line]
    kept = lines if len(lines) <= LINES else [*lines[: LINES - 1], lines[-1]]
    return "\n".join(kept)


def takeaways(folder: Path, study: str = "") -> list[str]:
    """Takeaways for readers outside the field: the method under study, what helps, which setting matters, a correction.

    The last one is about the `correction` of the study, and left out if it has none or if it was not compared.
    """
    tables = read_tables(folder, ("main",), READ)
    main, rows = tables["main"], verdicts(tables)
    method, helped = method_under_study(main), gains(tables)
    helpers = raising(helped)
    found = {
        "gap": against(rows, TEACHER, STUDENT),
        "own": against(rows, method, STUDENT),
        "control": controls(rows, method),
        "plain": against(rows, "sft", STUDENT),
    }
    text = render(
        "takeaways",
        tables.levels,
        scope=STUDIES.get(study, UNKNOWN).scope,
        setting=most(tables, method) if "ablations" in tables else None,
        sft=one_score(main, "sft"),
        **{name: tally(own) if len(own) else None for name, own in found.items()},
        **{name: one_score(main, name) for name in (TEACHER, STUDENT)},
        tasks=tasks_of(main),
        methods=len(helped),
        helpers=helpers,
        best=best_of(helpers),
        tally=helpers.get(best_of(helpers)),
        method=method,
        semalign=is_under_study(method),
    )
    correction = _correction(rows, STUDIES.get(study, UNKNOWN).correction)
    last = [render("correction", tables.levels, scope="", correction=correction)] if correction else []
    return [*(line for line in text.splitlines() if line), *last]


def further(folder: Path, study: str) -> list[str]:
    """What a study adds to the takeaways of the first one: each sentence says where it holds."""
    tables, known = read_tables(folder, (), READ), STUDIES.get(study, UNKNOWN)
    if known.adds == "correction":
        own = _correction(verdicts(tables), known.correction)
        return [render("correction", tables.levels, scope=known.scope, correction=own)] if own else []
    found = sides(tables) if known.adds == "teacher" else []
    most = max((side["tests"]["total"] for side in found), default=0)
    said = render("teacher", tables.levels, sides=[one for one in found if one["tests"]["total"] == most])
    return [f"{known.scope}: does the teacher add anything to labels? {said}"] if found else []


def _correction(rows: pd.DataFrame, method: str) -> dict[str, Any] | None:
    """The tests of a method against the student, its random control, fine-tuning and distillation."""
    own = against(rows, method, STUDENT)
    if own.empty:
        return None
    tests = named(rows)
    tests = tests[tests["method"] == method]
    rivals = {name: tests[tests["rival"] == name] for name in RIVALS}
    control = controls(rows, method).drop_duplicates(["pair", "benchmark"])
    return {
        "method": method,
        "own": tally(own),
        "control": tally(control) if len(control) else None,
        "rivals": {name: tally(found) for name, found in rivals.items() if len(found)},
    }
