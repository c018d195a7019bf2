"""Sentences whose numbers and words are both chosen by the data, for the notebooks.

Nothing here knows an outcome in advance: "higher", "lower" and "no detectable difference" come from the
paired, Holm-corrected tests of the tables, never from the sign of a difference alone.
"""

from semalign.report.sentences.ablations import ablation, ablation_axes, axes_without_effect
from semalign.report.sentences.agreement import agreement, crossing, nearest, parts
from semalign.report.sentences.benchmarks import empty, published
from semalign.report.sentences.cost_gain import gain
from semalign.report.sentences.fairness import contrasts, search
from semalign.report.sentences.layers import decomposition, decomposition_controls, head, similarity
from semalign.report.sentences.mechanism import attribution, closer, curves, pairing
from semalign.report.sentences.scores import (
    best_on_average,
    compare,
    cost,
    detectable,
    gap_closed,
    nearer_teacher,
    teacher_above_student,
)
from semalign.report.words import method_under_study, methods_of, verdict

__all__ = [
    "ablation",
    "ablation_axes",
    "agreement",
    "attribution",
    "axes_without_effect",
    "best_on_average",
    "closer",
    "compare",
    "contrasts",
    "cost",
    "crossing",
    "curves",
    "decomposition",
    "decomposition_controls",
    "detectable",
    "empty",
    "gain",
    "gap_closed",
    "head",
    "method_under_study",
    "methods_of",
    "nearer_teacher",
    "nearest",
    "pairing",
    "parts",
    "published",
    "search",
    "similarity",
    "teacher_above_student",
    "verdict",
]
