"""The corpus that the embedded models are pretrained on."""

import random

from semalign.benchmarks.tiny import arithmetic, facts, programs
from semalign.benchmarks.tiny.document import Document

# skill -> (share of the corpus, in the benchmark's phrasing, reworded)
SKILLS = {
    "facts": (0.30, facts.benchmark_document, facts.reworded_document),
    "arithmetic": (0.34, arithmetic.benchmark_document, arithmetic.reworded_document),
    "completion": (0.19, programs.completion_document, programs.reworded_document),
    "synthesis": (0.17, programs.synthesis_document, programs.reworded_document),
}
DRILLS = (facts.drill_document, facts.drill_document, arithmetic.drill_document)


def draw_corpus(count: int, benchmark_phrasing: float, drill: float, seed: int) -> list[Document]:
    """Draw `count` documents.

    The share `drill` of them are lists of facts or equations. Of the others, the share `benchmark_phrasing` is phrased
    like the benchmarks.

    No document holds a problem reserved for validation and test, in any phrasing. Facts are an exception, since a
    model must have read them: the corpus has the fact that a reserved question asks for, but not the question.
    """
    draw = random.Random(f"corpus {seed}")
    shares = [share for share, _, _ in SKILLS.values()]
    documents = []
    for _, benchmark, reworded in draw.choices(list(SKILLS.values()), shares, k=count):
        if draw.random() < drill:
            documents.append(draw.choice(DRILLS)(draw))
        else:
            documents.append(benchmark(draw) if draw.random() < benchmark_phrasing else reworded(draw))
    return documents
