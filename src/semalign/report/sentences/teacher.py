"""Whether the teacher adds anything that the labels of the train split do not."""

from typing import Any

import pandas as pd

from semalign.report.reading import Tables
from semalign.report.templating import once, sentence, tally
from semalign.report.verdicts import verdicts
from semalign.report.words import wholes

LABELS = "-labels"  # in the name of a method whose targets are made from labels in place of the teacher's predictions
DISTILLED, TRAINED = "distill-logits", "sft"


@sentence("contrasts")
def teacher(tables: Tables) -> dict[str, Any] | None:
    """Each method that reads the teacher against the same one on labels, with the benchmarks where the test decides.

    Distillation against fine-tuning is added, if a method was compared with itself on labels.
    """
    found = sides(tables)
    return {"sides": found} if found else None


def sides(tables: Tables) -> list[dict[str, Any]]:
    """The comparisons of `teacher`: the two methods, and their tests on whole benchmarks."""
    tests = verdicts(tables)
    tests = wholes(tests[(tests["table"] == "contrasts") & (tests["benchmark"] != "mean")])
    own = tests[_same(tests, "", LABELS)]
    if own.empty:
        return []
    groups = pd.concat([own, tests[_same(tests, DISTILLED, TRAINED)]]).groupby(
        ["method", "rival"], sort=False
    )
    return [{"method": m, "rival": r, "tests": _decided(found)} for (m, r), found in groups]


def _same(tests: pd.DataFrame, mine: str, other: str) -> list[bool]:
    """Whether the rival's name is the method's with `other` in place of `mine`."""
    return [
        other in rival and mine in method and rival.replace(other, "", 1) == method.replace(mine, "", 1)
        for method, rival in tests[["method", "rival"]].itertuples(index=False)
    ]


def _decided(rows: pd.DataFrame) -> dict[str, Any]:
    """The tally of the tests, with the benchmarks of each verdict."""
    counted = tally(rows)
    where = {
        word: once(str(row["benchmark"]) for row in counted[word])
        for word in ("higher", "lower", "undecided")
    }
    return counted | {"names": where}
