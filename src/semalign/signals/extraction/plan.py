"""Seeking's plan: which teacher matrix goes to which student module, derived from shapes alone."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from semalign.benchmarks.encoding import Batch
from semalign.config.signals import Extraction
from semalign.models.anatomy import WHOLE, adapted_modules, layers_of
from semalign.models.loading import load_tokenizer
from semalign.models.vocabulary import shared_tokens
from semalign.signals.extraction.factors import spread_tokens, window_factors
from semalign.signals.extraction.matrices import Matrix, check_depth, matrices_of, skeleton, window_shapes
from semalign.signals.extraction.search import SearchResult, find_windows, kept_matrices, random_windows
from semalign.training.low_rank import Factors


class Plan:
    """Source and destination matrices, shapes and shared tokens, known before any weight is read."""

    def __init__(self, teacher: Path, student: Path, settings: Extraction) -> None:
        pair = (skeleton(teacher), skeleton(student))
        names = (teacher.name, student.name)
        check_depth(names, *pair)
        adapted_modules(
            pair[1], [1], settings.projections
        )  # raises for projections that are fused in the student
        self.settings = settings
        self.rank = settings.rank
        self.depth = len(layers_of(pair[1]))
        rows = [model.get_input_embeddings().weight.shape[0] for model in pair]
        self.vocabulary = rows[1]
        teacher_tokens, self.tokens = _shared(teacher, student, (rows[0], rows[1]), settings.projections)
        self.matrices = matrices_of(pair[0], settings.projections, teacher_tokens)
        self.own = matrices_of(pair[1], settings.projections, self.tokens)
        self.shapes = window_shapes(names, pair, (self.matrices, self.own), self.rank)

    def find(self, model: Any, batches: Sequence[Batch]) -> SearchResult:
        """Find the loaded teacher's layers to keep, and a window in each of their matrices."""
        if self.settings.windows == "sensitive":
            return find_windows(model, batches, self.matrices, self.shapes, self.depth)
        result = find_windows(model, batches, (), self.shapes, self.depth)
        kept = kept_matrices(self.matrices, result.layers)
        return replace(result, windows=random_windows(model, kept, self.shapes, self.settings.seed))

    def sources(self, result: SearchResult) -> dict[str, Matrix]:
        """The teacher's matrix of each student module, by the module's full name."""
        by_layer = {(matrix.projection, matrix.layer): matrix for matrix in self.matrices}
        kept = dict(enumerate(result.layers, start=1))
        return {
            own.module: by_layer[own.projection, None if own.layer is None else kept[own.layer]]
            for own in self.own
        }

    def factors(self, model: Any, result: SearchResult) -> dict[str, Factors]:
        """The factors of the loaded teacher's window for each student module, by the module's full name."""
        factors = {}
        for name, matrix in self.sources(result).items():
            shape = self.shapes[matrix.projection]
            pair = window_factors(matrix.of(model), result.windows[matrix.key], shape, self.rank)
            if matrix.projection in WHOLE:
                pair = spread_tokens(pair, matrix.projection, self.tokens, self.vocabulary)
            factors[name] = pair
        return factors

    def describe(self, result: SearchResult, examples: int) -> dict[str, Any]:
        """The content of extraction.json."""
        windows = {
            name: {
                "teacher": matrix.module,
                "layer": matrix.layer,
                **result.windows[matrix.key]._asdict(),
                "shape": self.shapes[matrix.projection],
            }
            for name, matrix in self.sources(result).items()
        }
        passes = examples * result.passes
        scores = {"layers": result.layers, "scores": result.scores}
        return {**scores, "rank": self.rank, "windows": windows, "teacher_passes": passes}


def _shared(
    teacher: Path, student: Path, rows: tuple[int, int], projections: list[str]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids of the shared tokens in both vocabularies; empty if neither the embedding nor the head is requested."""
    if not set(projections) & set(WHOLE):
        return torch.empty(0, dtype=torch.long), torch.empty(0, dtype=torch.long)
    return shared_tokens(load_tokenizer(teacher), load_tokenizer(student), rows)
