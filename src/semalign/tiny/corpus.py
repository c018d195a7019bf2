"""The corpus that the embedded models are pretrained on."""

import random

from semalign.tiny import arithmetic, facts, programs
from semalign.tiny.document import Document

# skill -> (share of the corpus, in the benchmark's phrasing, reworded)
SKILLS = {
    "facts": (0.30, facts.benchmark_document, facts.reworded_document),
    "arithmetic": (0.30, arithmetic.benchmark_document, arithmetic.reworded_document),
    "completion": (0.15, programs.completion_document, programs.reworded_document),
    "synthesis": (0.15, programs.synthesis_document, programs.reworded_document),
    "statements": (0.10, facts.reworded_document, facts.reworded_document),
}


def draw_corpus(count: int, benchmark_phrasing: float, seed: int) -> list[Document]:
    """`count` documents, of which a share of `benchmark_phrasing` is phrased as the benchmarks are.

    No document holds a problem that the benchmarks keep for validation and test, in any phrasing, save that
    facts are knowledge: the fact asked for is in the corpus, only the very question is not.
    """
    draw = random.Random(f"corpus {seed}")
    skills = list(SKILLS.values())
    shares = [share for share, _, _ in skills]
    documents = []
    for _, benchmark, reworded in draw.choices(skills, shares, k=count):
        documents.append(benchmark(draw) if draw.random() < benchmark_phrasing else reworded(draw))
    return documents
