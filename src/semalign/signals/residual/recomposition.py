"""The semantic residual of a position: d = S_S (p_T - p_S), [student width].

p_T and p_S are the distributions of teacher and student over the next token, restricted to the tokens that both have
and that both heads were trained on, and renormalised. S_S holds the student's semantic basis of each of these tokens
(SemAlign, arXiv 2510.24208, section "semantic bases"). SemAlign decomposes a hidden state of the teacher; here the
difference of two distributions takes the place of that state's coefficients. The paper does not have this variant.

A distribution comes from a final state (after the final norm) and the LM head, so neither model is in memory. With the
head's rows as bases, d is the direction in which KL(p_T || p_S) falls fastest at the student's final state.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from semalign.config.displacements import Residual
from semalign.models.loading import Head
from semalign.models.readout import Readout, read_readout
from semalign.models.trained_head import read_trained_head
from semalign.models.vocabulary import common_tokens
from semalign.runtime.errors import UserError
from semalign.signals.semantics.bases import Bases, RowBases, input_bases, output_bases, random_bases
from semalign.signals.semantics.maps import trained_tokens
from semalign.signals.semantics.parts import Shared

NUMBERS = 1 << 25  # differences of probabilities held at once: 256 MB in float64
ROUNDING = 1e-5  # total variation between the predictions of one model in float32, read in other batches
SHARPNESS = 2.0  # exponent of the control that sharpens the student's own distribution


def _head_rows(head: Head, *, fold_final_norm: bool, seed: int) -> Bases:
    return RowBases(head.weight, head.norm_gain if fold_final_norm else None, None, False, head.rows)


def _raw(head: Head, *, fold_final_norm: bool, seed: int) -> Bases:
    return output_bases(head, fold_final_norm=fold_final_norm, unit=False)


BASES: dict[str, Callable[..., Bases]] = {
    "pinv": output_bases,
    "pinv-raw": _raw,
    "head-rows": _head_rows,
    "input-side": input_bases,
    "random": random_bases,
}


@dataclass(frozen=True)
class Recomposed:
    """The residuals [positions, student width] in float32, and each model's mean probability on the shared tokens.

    `variation` is the mean total variation between the two distributions, from 0 to 1.
    """

    displacement: Tensor
    kept_teacher: float
    kept_student: float
    variation: float


class Recomposition:
    """Recomposes the difference of two models' predictions with one choice of bases and of the taught distribution.

    `heads` and `readouts` are those of teacher and student, the heads without untrained rows; `shared` holds the ids of
    the tokens that both vocabularies have.
    """

    def __init__(
        self,
        heads: tuple[Head, Head],
        readouts: tuple[Readout, Readout],
        shared: Shared,
        settings: Residual,
        device: str | torch.device = "cpu",
    ):
        self.settings = settings
        self.device = torch.device(device)
        rows = "input-side" if settings.bases == "input-side" else "pinv"
        self.ids = trained_tokens(rows, *heads, shared)
        self.readouts = [_moved(readout, self.device) for readout in readouts]
        make = BASES[settings.bases]
        bases = make(heads[1], fold_final_norm=settings.fold_final_norm, seed=settings.seed)
        # held as a whole: to stream them again for each block of positions would cost V D^2 operations a block
        self.bases = [rows.to(self.device) for rows in bases.chunks(self.ids[1])]

    @classmethod
    def read(
        cls, teacher: Path, student: Path, settings: Residual, device: str | torch.device = "cpu"
    ) -> "Recomposition":
        """The same from two model folders, of which only heads and final norms are read."""
        heads = read_trained_head(teacher, "leave-out"), read_trained_head(student, "leave-out")
        readouts = read_readout(teacher), read_readout(student)
        return cls(heads, readouts, common_tokens(teacher, student), settings, device)

    def of(self, taught: Tensor, own: Tensor, labels: Tensor) -> Recomposed:
        """The residuals of positions with the teacher's final states, the student's, and the answers' tokens.

        `taught` is [positions, teacher width], `own` [positions, student width], `labels` [positions] in the student's
        vocabulary. Computed in float64, in blocks of positions. `taught` may have more positions, at the end, among
        which those of the shuffled control are drawn.
        """
        if self.settings.source == "shuffled":
            taught = taught[_permutation(len(taught), self.settings.seed)]
        taught = taught[: len(own)]
        size = max(1, NUMBERS // len(self.ids[0]))
        blocks = zip(*(rows.split(size) for rows in (taught, own, labels)), strict=True)
        parts, sums = zip(*(self._block(*block) for block in blocks), strict=True)
        means = torch.stack(sums).sum(0) / len(own)
        return Recomposed(torch.cat(parts), *means.tolist())

    def _block(self, taught: Tensor, own: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        p_student, kept_student = self._shared(1, own)
        p_teacher, kept_teacher = self._shared(0, taught)
        source = self.settings.source
        if source == "student":
            p_teacher = _sharpened(p_student)
        elif source == "labels":
            p_teacher = (labels.to(self.device)[:, None] == self.ids[1].to(self.device)).double()
        difference = p_teacher - p_student
        if source == "labels":
            # an answer's token that the teacher does not have teaches nothing
            difference *= p_teacher.sum(-1, keepdim=True)
        sums = torch.stack([kept_teacher.sum(), kept_student.sum(), difference.abs().sum() / 2]).cpu()
        return recompose(self.bases, difference).float().cpu(), sums

    def _shared(self, side: int, states: Tensor) -> tuple[Tensor, Tensor]:
        """A model's distribution over the shared tokens [positions, tokens], and its mass on them [positions]."""
        logits = self.readouts[side].of_final(states.to(self.device).float()).double()
        logits /= self.settings.temperature
        shared = logits[:, self.ids[side].to(self.device)]
        return shared.softmax(-1), (shared.logsumexp(-1) - logits.logsumexp(-1)).exp()


def check_recomposed(recomposed: Recomposed, temperature: float) -> None:
    """Raise UserError for a displacement that is not finite, or that is only rounding.

    Methods scale displacements, which would make rounding as long as any other.
    """
    if not recomposed.displacement.isfinite().all():
        raise UserError("residual: found a displacement that is not finite, expected finite states and heads")
    if recomposed.variation <= ROUNDING / max(temperature, 1.0):
        raise UserError(
            f"residual: found predictions whose total variation is {recomposed.variation:.1e}, expected two models "
            "that differ (with residual.source labels, a student that does not know all answers)"
        )


def recompose(chunks: Iterable[Tensor], coefficients: Tensor) -> Tensor:
    """S a [positions, width] in float64, for coefficients a [positions, tokens] of bases in chunks [n, width]."""
    total: Tensor | None = None
    first = 0
    for rows in chunks:
        part = coefficients[:, first : first + len(rows)] @ rows.to(coefficients)
        total = part if total is None else total.add_(part)
        first += len(rows)
    if total is None:
        raise ValueError("no bases to recompose with")
    return total


def _sharpened(probabilities: Tensor) -> Tensor:
    powers = probabilities**SHARPNESS
    return powers / powers.sum(-1, keepdim=True)


def _permutation(count: int, seed: int) -> Tensor:
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))


def _moved(readout: Readout, device: torch.device) -> Readout:
    return Readout(readout.norm, readout.weight.to(device), readout.softcap)
