"""Sentences about a study's tables: data selects the words, templates contain them.

Every function takes the tables that `read_tables` gives, with the study's levels, and returns Markdown. It returns
`NOT_MEASURED` if a table that it needs is not among them or has no row.
"""

from semalign.report.sentences.ablations import ablation
from semalign.report.sentences.agreement import agreement, crossing, similarity
from semalign.report.sentences.benchmarks import answer, empty, published, scored, trust
from semalign.report.sentences.budgets import edges, gain, search
from semalign.report.sentences.compute import compute, equal_compute
from semalign.report.sentences.displacement import displacement
from semalign.report.sentences.dose import dose
from semalign.report.sentences.ladder import ladder, targets
from semalign.report.sentences.layers import attribution, decomposition, pairing, vocabulary
from semalign.report.sentences.mechanism import closer, curves
from semalign.report.sentences.scores import contrasts, detectable, gap, gap_closed, helps, own, undecided
from semalign.report.sentences.shipping import ship
from semalign.report.sentences.teacher import teacher
from semalign.report.templating import NOT_MEASURED
from semalign.report.words import method_under_study

__all__ = [
    "NOT_MEASURED",
    "ablation",
    "agreement",
    "answer",
    "attribution",
    "closer",
    "compute",
    "contrasts",
    "crossing",
    "curves",
    "decomposition",
    "detectable",
    "displacement",
    "dose",
    "edges",
    "empty",
    "equal_compute",
    "gain",
    "gap",
    "gap_closed",
    "helps",
    "ladder",
    "method_under_study",
    "own",
    "pairing",
    "published",
    "scored",
    "search",
    "ship",
    "similarity",
    "targets",
    "teacher",
    "trust",
    "undecided",
    "vocabulary",
]
