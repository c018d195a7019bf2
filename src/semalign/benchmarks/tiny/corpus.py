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
    """`count` documents: a share of `drill` in lists of facts and sums, and of the rest a share of
    `benchmark_phrasing` phrased as the benchmarks are.

    No document holds a problem that the benchmarks keep for validation and test, in any phrasing, save that
    facts are knowledge: the fact asked for is in the corpus, only the very question is not.
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
