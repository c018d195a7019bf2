"""The pullback of the teacher's distribution: how a layer's states must move for the student to predict it.

At the supervised positions t of an example, the displacements delta of the block outputs h of student layer k minimise

    sum over t of KL(teacher_t || student_t with h + delta) + proximity * |delta_t|^2 / |h_t|^2

through the student's frozen layers above k, its final norm and its head. The positions of an example are solved
together, since attention above k mixes them. Choices:

- Unit of distance: the norm of the student's own state at the same position. So proximity limits the angle, which a
  cosine loss reads, at every position alike. A mean over the split would make a target depend on the other
  examples, and mostly on those with the longest states.
- Variables: u = delta * sqrt(width) / |h|, in units of the own state's root mean square, so that
  |delta|^2 / |h|^2 = mean u^2 and Adam's learning rate is in that unit.
- Result: for each example the displacements with the lowest objective on Adam's path, which begins at zero. They are
  never worse than none.
- Precision: displacements are float32, or float64 if the states are; h + delta is rounded to the model's precision.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from semalign.benchmarks.encoding import Batch
from semalign.config.displacements import Pullback
from semalign.models.readout import final_states, head_logits
from semalign.models.skipping import resumed
from semalign.training.descent import descend
from semalign.training.taught import Taught

MEASURES = ("divergence_before", "divergence_after", "relative_size", "cosine")


@dataclass(frozen=True)
class Problem:
    """The objective of one batch at one layer of a frozen student.

    `states` [examples, positions, width] are the block outputs of `layer` (from 1), without a gradient. `taught` holds
    the teacher's distributions at the supervised positions.
    """

    model: Any
    layer: int
    batch: Batch
    states: torch.Tensor
    taught: Taught

    @cached_property
    def own(self) -> torch.Tensor:
        """The student's own states [supervised positions, width], in float32 or wider."""
        states = self.states[self.batch.supervised.to(self.states.device)]
        return states.to(torch.promote_types(states.dtype, torch.float32))

    @cached_property
    def unit(self) -> torch.Tensor:
        """Root mean square of each own state, [supervised positions, 1]."""
        return self.own.square().mean(-1, keepdim=True).sqrt()

    def divergence(self, delta: torch.Tensor) -> torch.Tensor:
        """KL(teacher || student) in nats, [supervised positions], with `delta` [supervised positions, width] added."""
        moved = (self.own + delta).to(self.states.dtype)
        places = self.batch.supervised.to(self.states.device).nonzero(as_tuple=True)
        with resumed(self.model, self.layer, self.states.index_put(places, moved)):
            logits = head_logits(self.model, final_states(self.model, self.batch))
        return self.taught.divergence(logits.to(torch.promote_types(logits.dtype, torch.float32)))

    def objective(self, scaled: torch.Tensor, proximity: float) -> torch.Tensor:
        """The summands of the objective, [supervised positions], for u = `scaled` [supervised positions, width]."""
        divergence = self.divergence(self.unit * scaled)
        return divergence + proximity * scaled.square().mean(-1).to(divergence.device)


def solve(problem: Problem, settings: Pullback) -> torch.Tensor:
    """Displacements [supervised positions, width] of one batch; examples do not affect each other."""
    scaled = descend(
        torch.zeros_like(problem.own),
        lambda u: problem.objective(u, settings.proximity),
        settings.steps,
        settings.rate,
        problem.batch.supervised.sum(1).tolist(),
    )
    return problem.unit * scaled


def describe(problem: Problem, delta: torch.Tensor) -> torch.Tensor:
    """Measures of each position, float64 [supervised positions, 4] on the CPU.

    They are the divergence without and with `delta`, |delta| / |h|, and cos(h, h + delta); see MEASURES.
    """
    own = problem.own.double()
    with torch.no_grad():
        divergences = [problem.divergence(each) for each in (torch.zeros_like(delta), delta)]
    size = delta.double().norm(dim=-1) / own.norm(dim=-1).clamp_min(torch.finfo(torch.float64).tiny)
    cosine = torch.nn.functional.cosine_similarity(own, own + delta.double(), dim=-1)
    return torch.stack([column.double().cpu() for column in (*divergences, size, cosine)], dim=-1)


def means_of(rows: Sequence[torch.Tensor]) -> dict[str, float]:
    """Mean over all positions of each of MEASURES."""
    return dict(zip(MEASURES, torch.cat(list(rows)).mean(0).tolist(), strict=True))
