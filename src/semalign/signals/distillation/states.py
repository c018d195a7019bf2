"""The teacher's final states at the supervised positions: D_T floats per token that hold its whole distribution.

The stored states are the inputs of the LM head, after the final norm, so that the head's rows give the logits back. The
k largest logits, in comparison, need 2 k numbers per token and keep the rest as one mass.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import torch

from semalign.benchmarks.encoding import Encoded
from semalign.models.readout import read_readout
from semalign.models.vocabulary import common_tokens
from semalign.runtime.files import read_json
from semalign.signals.stored import Stored

logger = logging.getLogger("semalign")
NAME = "states.safetensors"


class TeacherStates:
    """The teacher distributions given by the stored states, and the student's loss against them.

    The teacher's distribution is restricted to the shared tokens and renormalised; the student's covers its whole
    vocabulary, as with stored logits (`semalign.signals.distillation.logits`).
    """

    def __init__(
        self, folder: Path, teacher: Path, student: Path, examples: Sequence[Encoded], temperature: float
    ) -> None:
        self.stored = Stored(folder / NAME, examples)
        self.teacher_passes: int = read_json(folder / "states.json")["teacher_passes"]
        self.temperature = temperature
        of_teacher, self.ids = common_tokens(teacher, student)
        self.readout = read_readout(teacher, of_teacher)
        self.readout.check(folder / NAME, self.stored.tensors["states"])

    def loss(self, logits: torch.Tensor, indices: Sequence[int]) -> torch.Tensor:
        """T^2 KL(teacher || student) at temperature T, in nats, for a batch's student logits.

        T^2 keeps the gradient's size from falling with T (Hinton et al., arXiv 1503.02531, section 2).
        """
        teacher = self.log_probs(indices).to(logits.device)
        student = (logits.float() / self.temperature).log_softmax(-1)[:, self.ids.to(logits.device)]
        return self.temperature**2 * (teacher.exp() * (teacher - student)).sum(-1).mean()

    def log_probs(self, indices: Sequence[int]) -> torch.Tensor:
        """The teacher's log-probabilities of the shared tokens at temperature T, [supervised positions, tokens]."""
        states = self.stored.of("states", indices)
        return (self.readout.of_final(states) / self.temperature).log_softmax(-1)
