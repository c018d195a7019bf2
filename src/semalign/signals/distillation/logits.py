"""The teacher's next-token distribution at the supervised positions, stored as its k largest values and one rest.

The teacher's distribution is restricted to the tokens that both vocabularies share, and renormalised. The student's
covers its whole vocabulary: the mass on tokens unknown to the teacher counts towards the rest, to which the teacher
contributes nothing for them, so the loss reduces it like the mass on any other wrong token.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from semalign.benchmarks.encoding import Encoded, collate, like_lengths
from semalign.config.signals import Logits
from semalign.models.readout import final_states, head_logits
from semalign.models.states import Rows
from semalign.runtime.files import read_json
from semalign.signals.stored import Stored
from semalign.training.losses import keep_top, sparse_kl

POSITIONS = 512  # rows of logits held at once


def read_logits(
    model: Any,
    encoded: Sequence[Encoded],
    shared: tuple[torch.Tensor, torch.Tensor],
    settings: Logits,
    pad_id: int,
) -> dict[str, torch.Tensor]:
    """Read the teacher's distributions at every supervised position, in the order of the examples.

    `shared` holds the teacher's and the student's ids of the shared tokens, [shared tokens] each. Returns `ids`
    [positions, k], int32 in the student's vocabulary, likeliest first; their `log_probs` [positions, k], float32; and
    `log_tail` [positions], float32, the log-mass of all other shared tokens (-inf if k covers all of them).
    """
    kept = {name: Rows(encoded) for name in ("ids", "log_probs", "log_tail")}
    for indices in like_lengths(encoded, settings.batch_size):
        batch = collate([encoded[i] for i in indices], pad_id).to(model.device)
        parts = []
        with torch.no_grad():
            for states in final_states(model, batch).split(POSITIONS):
                logits = head_logits(model, states).float().cpu()[:, shared[0]]
                parts.append(keep_top(logits / settings.temperature, shared[1], settings.top_k))
        for name, rows in kept.items():
            rows.put(indices, torch.cat([part[name] for part in parts]))
    return {name: rows.tensor for name, rows in kept.items()}


class TeacherLogits:
    """The stored teacher distributions, and the student's loss against them."""

    def __init__(self, folder: Path, examples: Sequence[Encoded]) -> None:
        facts = read_json(folder / "logits.json")
        self.temperature: float = facts["temperature"]
        self.teacher_passes: int = facts["teacher_passes"]
        self.stored = Stored(folder / "logits.safetensors", examples)

    def of(self, indices: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """A batch's `ids` and `log_probs` [supervised positions, k], and its `log_tail` [supervised positions]."""
        ids, log_probs, log_tail = (
            self.stored.of(name, indices) for name in ("ids", "log_probs", "log_tail")
        )
        return ids, log_probs, log_tail

    def loss(self, logits: torch.Tensor, indices: Sequence[int]) -> torch.Tensor:
        """T^2 KL(teacher || student) at temperature T, in nats, for a batch's student logits.

        T^2 keeps the gradient's size from falling with T (Hinton et al., arXiv 1503.02531, section 2).
        """
        parts = (part.to(logits.device) for part in self.of(indices))
        return self.temperature**2 * sparse_kl(logits / self.temperature, *parts)
