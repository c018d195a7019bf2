"""How close a model is to the teacher on the reference answers: KL divergence and top-1 agreement per token.

The teacher is never loaded: its logits are its stored final states times its LM head. Both distributions are
restricted to the tokens that the two vocabularies share, and renormalised over them.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.nn.functional import log_softmax

from semalign.benchmarks.base import Example
from semalign.benchmarks.encoding import Batch, collate, encode, like_lengths
from semalign.evaluation.items import ItemRecord
from semalign.evaluation.reference import Reference
from semalign.evaluation.states import answer_states, capped, logits_of
from semalign.models.loading import Head
from semalign.runtime.errors import UserError

logger = logging.getLogger("semalign")
Shared = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Comparison:
    """One item: mean KL(teacher || model) in nats and the share of equal argmaxes, both over `tokens` tokens."""

    kl: float
    agreement: float
    tokens: int


@dataclass(frozen=True)
class StoredTeacher:
    """The teacher as stored on disk: its reference on the examples, its LM head, and the tokens that it shares.

    `shared` holds two tensors [shared tokens]: the tokens' ids in the teacher's and in the model's vocabulary.
    """

    reference: Reference
    head: Head
    shared: Shared


def compare(
    model: Any,
    tokenizer: Any,
    examples: Sequence[Example],
    stored: StoredTeacher,
    *,
    batch_size: int,
    positions_per_chunk: int,
) -> list[Comparison | None]:
    """Compare `model` with the teacher at each answer token (eos included) of each example.

    The result is None for an example whose answer the two tokenizers split differently, as it has no common positions.
    At most `positions_per_chunk` rows of logits [positions, vocabulary] are in memory at once, in float32. Examples
    with the same text (parts of a mixture may repeat a text) are read once. Raises UserError if the reference was made
    on other examples or by a teacher of another width.
    """
    reference = stored.reference
    _check(reference, examples, stored.head)
    teacher = _TeacherHead(stored.head, stored.shared, model.device)
    texts = [(example.prompt, example.answer, example.template) for example in examples]
    firsts = {text: place for place, text in reversed([*enumerate(texts)])}
    places = sorted(firsts.values())
    encoded = [encode(examples[place], tokenizer).last for place in places]
    compared: dict[tuple[str, str, str | None], Comparison | None] = {}
    for group in like_lengths(encoded, batch_size):
        batch = collate([encoded[i] for i in group], tokenizer.pad_token_id or 0).to(model.device)
        members = [places[i] for i in group]
        part = _compare_batch(model, batch, reference.pick(members), teacher, positions_per_chunk)
        compared |= zip((texts[place] for place in members), part, strict=True)
    results = [compared[text] for text in texts]
    if missing := results.count(None):
        logger.warning(
            "agreement: %d of %d answers left out: teacher and model split them into different tokens",
            missing,
            len(results),
        )
    return results


def add_comparisons(
    records: Sequence[ItemRecord], comparisons: Sequence[Comparison | None]
) -> list[ItemRecord]:
    """Return the records with their agreement with the teacher filled in."""
    return [
        replace(
            record,
            teacher_kl=comparison.kl,
            teacher_agreement=comparison.agreement,
            answer_tokens=comparison.tokens,
        )
        if comparison
        else record
        for record, comparison in zip(records, comparisons, strict=True)
    ]


def divergence(teacher: torch.Tensor, student: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """KL(teacher || student) in nats and equality of argmaxes, each [positions], of logits [positions, vocabulary]."""
    left = log_softmax(teacher.float(), dim=-1)
    right = log_softmax(student.float(), dim=-1)
    kl = torch.nn.functional.kl_div(right, left, reduction="none", log_target=True).sum(dim=-1)
    return kl.clamp_min(0), left.argmax(dim=-1) == right.argmax(dim=-1)


class _TeacherHead:
    """The teacher's LM head on the shared tokens, and the ids of these tokens in the model's vocabulary."""

    def __init__(self, head: Head, shared: Shared, device: torch.device) -> None:
        self.weight = head.weight[shared[0]].to(device, torch.float32)
        self.softcap = head.softcap
        self.model_ids = shared[1].to(device)
        self.to_model = dict(zip(shared[0].tolist(), shared[1].tolist(), strict=True))

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """Teacher logits [positions, shared tokens] of stored states [positions, teacher width]."""
        return capped(states.to(self.weight.device) @ self.weight.T, self.softcap)


def _compare_batch(
    model: Any, batch: Batch, reference: Reference, teacher: _TeacherHead, size: int
) -> list[Comparison | None]:
    """The comparisons of one batch; None for an example whose answer the two tokenizers split differently."""
    lengths: list[int] = batch.supervised.sum(dim=1).tolist()
    labels = batch.labels[batch.supervised].split(lengths)
    theirs = [
        [teacher.to_model.get(token) for token in tokens.tolist()]
        for tokens in reference.by_example("tokens")
    ]
    alike = [i for i, tokens in enumerate(theirs) if tokens == labels[i].tolist()]
    if not alike:
        return [None] * len(lengths)
    student_states = answer_states(model, batch).split(lengths)
    teacher_states = reference.by_example("states")
    chunks = zip(
        torch.cat([teacher_states[i] for i in alike]).split(size),
        torch.cat([student_states[i] for i in alike]).split(size),
        strict=True,
    )
    pairs = [
        divergence(teacher.logits(left), logits_of(model, right)[:, teacher.model_ids])
        for left, right in chunks
    ]
    sizes = [lengths[i] for i in alike]
    kl, same = (torch.cat(values).double().cpu().split(sizes) for values in zip(*pairs, strict=True))
    comparisons = dict(zip(alike, map(_comparison, kl, same), strict=True))
    return [comparisons.get(i) for i in range(len(lengths))]


def _comparison(kl: torch.Tensor, same: torch.Tensor) -> Comparison:
    return Comparison(kl.mean().item(), same.mean().item(), len(kl))


def _check(reference: Reference, examples: Sequence[Example], head: Head) -> None:
    ids = [example.id for example in examples]
    if ids != reference.ids:
        raise UserError(
            f"teacher reference: found {len(reference.ids)} items from {reference.ids[:1]}, "
            f"expected the {len(ids)} of the split from {ids[:1]}; extract it again"
        )
    if reference.states.shape[1] != head.weight.shape[1]:
        raise UserError(
            f"teacher reference: found states of width {reference.states.shape[1]}, "
            f"expected the teacher's {head.weight.shape[1]}"
        )
