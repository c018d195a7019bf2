"""The likelihood that a model gives to the references of free-text items: it moves before any answer becomes right."""

from collections.abc import Sequence
from dataclasses import replace

from semalign.benchmarks.base import Example
from semalign.benchmarks.chats import as_said
from semalign.benchmarks.encoding import bare_answer
from semalign.evaluation.continuations import Pair, log_likelihoods
from semalign.evaluation.items import ItemRecord
from semalign.evaluation.language_model import StudyModel


def add_likelihoods(
    records: Sequence[ItemRecord], model: StudyModel, examples: Sequence[Example]
) -> list[ItemRecord]:
    """The records with the log-likelihood of their references (nats) and its number of characters.

    `examples` are the free-text items; records of other items stay as they are. The reference is the whole answer
    with the separator before it and without eos, as the model can write it. A chat is read by its template, and its
    answer is counted without the token that ends a turn. An item that does not fit into the model's
    context, or whose prompt or answer gives no token, gets no likelihood.
    """
    pairs: dict[str, Pair] = {}
    said = [as_said(example, model.tokenizer) for example in examples]
    for example in said:
        pair = Pair(
            model.codec.encode(example.prompt, answer=False), model.codec.encode(example.answer, answer=True)
        )
        if all(pair) and len(pair.read) <= model.reader.context:
            pairs[example.id] = pair
    if not pairs:
        return list(records)
    pad = model.tokenizer.pad_token_id or 0
    found = log_likelihoods(model.model, list(pairs.values()), int(model.batch_size), pad)
    nats = {id_: value for id_, (value, _greedy) in zip(pairs, found, strict=True)}
    answers = {each.id: bare_answer(each.answer, model.tokenizer) for each in said if each.id in nats}
    return [
        _filled(record, nats[record.id], answers[record.id]) if record.id in nats else record
        for record in records
    ]


def _filled(record: ItemRecord, nats: float, answer: str) -> ItemRecord:
    other = answer.strip() if answer.strip() != record.expected.strip() else None
    return replace(record, reference=other, reference_nats=nats, reference_characters=len(answer))
