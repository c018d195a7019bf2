"""The subjects of the suite, in the order of the table. A subject's imports are made only when it is loaded."""

import importlib
from typing import TYPE_CHECKING

from semalign.runtime.errors import UserError

if TYPE_CHECKING:
    from bench.subject import Subject

SUBJECTS = {
    "bases": "bench.subjects.bases",
    "mapping": "bench.subjects.mapping",
    "untrained": "bench.subjects.untrained",
    "signals": "bench.subjects.signals",
    "steering": "bench.subjects.steering",
    "windows": "bench.subjects.windows",
    "location": "bench.subjects.location",
    "evaluation": "bench.subjects.evaluation",
    "verdicts": "bench.subjects.verdicts",
    "folders": "bench.subjects.folders",
    "startup": "bench.subjects.startup",
    "study": "bench.subjects.study",
}
APART = ("study",)  # takes as long as all others together, so it runs only if named


def load_subject(name: str) -> "Subject":
    """Load the subject `name`; raises UserError if it is not registered."""
    if name not in SUBJECTS:
        raise UserError(f"benchmark: found {name!r}, expected one of {', '.join(SUBJECTS)}")
    subject: Subject = importlib.import_module(SUBJECTS[name]).SUBJECT
    return subject
