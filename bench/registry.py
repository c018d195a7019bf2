"""The subjects of the suite, in the order of the table. Nothing heavy is imported until a subject is asked for."""

import importlib
from typing import TYPE_CHECKING

from semalign.runtime.errors import UserError

if TYPE_CHECKING:
    from bench.subject import Subject

SUBJECTS = {
    "bases": "bench.subjects.bases",
    "mapping": "bench.subjects.mapping",
    "signals": "bench.subjects.signals",
    "steering": "bench.subjects.steering",
    "windows": "bench.subjects.windows",
    "location": "bench.subjects.location",
    "evaluation": "bench.subjects.evaluation",
    "verdicts": "bench.subjects.verdicts",
    "startup": "bench.subjects.startup",
    "study": "bench.subjects.study",
}
APART = ("study",)  # takes as long as all others together: only by name


def load_subject(name: str) -> "Subject":
    """The subject called `name`; raises UserError for one that is not registered."""
    if name not in SUBJECTS:
        raise UserError(f"benchmark: found {name!r}, expected one of {', '.join(SUBJECTS)}")
    subject: Subject = importlib.import_module(SUBJECTS[name]).SUBJECT
    return subject
