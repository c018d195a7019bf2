"""The subjects of the suite, in the order of the table. Nothing heavy is imported until a subject is asked for."""

import importlib
from typing import TYPE_CHECKING

from semalign.errors import UserError

if TYPE_CHECKING:
    from semalign.bench.subject import Subject

SUBJECTS = {
    "bases": "semalign.bench.subjects.bases",
    "mapping": "semalign.bench.subjects.mapping",
    "signals": "semalign.bench.subjects.signals",
    "steering": "semalign.bench.subjects.steering",
    "windows": "semalign.bench.subjects.windows",
    "location": "semalign.bench.subjects.location",
    "evaluation": "semalign.bench.subjects.evaluation",
    "verdicts": "semalign.bench.subjects.verdicts",
    "startup": "semalign.bench.subjects.startup",
    "study": "semalign.bench.subjects.study",
}
GROWTH = "growth"  # measured in another way, see semalign.bench.growth
APART = ("study",)  # takes as long as all others together: only by name


def load_subject(name: str) -> "Subject":
    """The subject called `name`; raises UserError for one that is not registered."""
    if name not in SUBJECTS:
        raise UserError(f"benchmark: found {name!r}, expected one of {', '.join((*SUBJECTS, GROWTH))}")
    subject: Subject = importlib.import_module(SUBJECTS[name]).SUBJECT
    return subject
