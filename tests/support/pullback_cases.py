"""Problems of the pullback on fabricated pairs, and its objective by the whole model, slowly and in float64."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from fabricated_pairs import Pair
from fabricated_signals import train_split

from semalign.benchmarks.encoding import Encoded, collate
from semalign.models.anatomy import layers_of
from semalign.models.loading import load_model
from semalign.models.vocabulary import common_tokens
from semalign.signals.distillation.states import TeacherStates
from semalign.signals.pullback.layers import read_blocks
from semalign.signals.pullback.solver import Problem
from semalign.training.taught import spread


@dataclass(frozen=True)
class Case:
    """A student, its encoded examples and the teacher's stored states."""

    pair: Pair
    model: Any
    examples: list[Encoded]
    teacher: TeacherStates

    def problem(self, layer: int, indices: Sequence[int]) -> Problem:
        """The problem of a batch at a layer, in the model's precision."""
        batch = collate([self.examples[i] for i in indices], 0)
        vocabulary = len(self.model.get_output_embeddings().weight)
        # one example at a time, so that a batch has the same bytes as its examples
        log_probs = torch.cat([self.teacher.log_probs([index]) for index in indices])
        exact = log_probs.to(torch.promote_types(self.model.dtype, torch.float32)).log_softmax(-1)
        taught = spread(exact, self.teacher.ids, vocabulary)
        return Problem(self.model, layer, batch, read_blocks(self.model, batch, [layer])[layer], taught)


def case_of(pair: Pair, dtype: torch.dtype = torch.float32) -> Case:
    examples = train_split(pair.student, pair.benchmark)
    stored = pair.signal("states", {})
    return Case(
        pair,
        load_model(pair.student, dtype=dtype),
        examples,
        TeacherStates(stored, pair.teacher, pair.student, examples, 1.0),
    )


def slow_objective(
    case: Case, layer: int, index: int, delta: torch.Tensor, proximity: float
) -> list[torch.Tensor]:
    """The objective's summands of one example, from whole passes of both models and one token at a time.

    `delta` [positions, width] is added to the output of `layer` by a hook while the whole student runs.
    """
    item = case.examples[index]
    tokens, places = torch.tensor([item.input_ids]), range(item.answer_start - 1, len(item.input_ids) - 1)
    teacher = load_model(case.pair.teacher, dtype=torch.float64)
    of_teacher, of_student = common_tokens(case.pair.teacher, case.pair.student)
    kept = []

    def move(_module: Any, _args: Any, output: torch.Tensor) -> torch.Tensor:
        kept.append(output.detach())
        return torch.cat(
            [output[:, : places.start], output[:, places.start : places.stop] + delta, output[:, -1:]], 1
        )

    handle = layers_of(case.model)[layer - 1].register_forward_hook(move)
    try:
        logits = case.model(tokens).logits[0].double()
    finally:
        handle.remove()
    taught = teacher(tokens).logits[0].double()[:, of_teacher]
    summands = []
    for row, place in enumerate(places):
        p, log_q = taught[place].softmax(-1), logits[place].log_softmax(-1)[of_student]
        divergence = sum(a * (a.log() - b) for a, b in zip(p, log_q, strict=True))
        ratio = delta[row].square().sum() / kept[0][0, place].square().sum()
        summands.append(divergence + proximity * ratio)
    return summands
