"""The state that enters the LM head at answer positions, without paying for the head itself."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from semalign.benchmarks.base import Example
from semalign.benchmarks.encoding import Batch, collate, encode


def answer_states(model: Any, batch: Batch) -> torch.Tensor:
    """Final normed hidden states [supervised positions, width] in the model's precision.

    A hook before the LM head keeps the rows whose next token is supervised and hands the head none, so no
    logits are computed.
    """
    kept: list[torch.Tensor] = []

    def keep(_head: torch.nn.Module, arguments: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor]:
        states = arguments[0][batch.supervised.to(arguments[0].device)]
        kept.append(states)
        return (states[:0],)

    handle = model.get_output_embeddings().register_forward_pre_hook(keep)
    try:
        with torch.no_grad():
            model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False)
    finally:
        handle.remove()
    return kept[0]


def batches(examples: Sequence[Example], tokenizer: Any, batch_size: int, device: Any) -> Iterator[Batch]:
    """The examples with their reference answers, in order, as padded batches on `device`."""
    pad_id = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id or 0
    for start in range(0, len(examples), batch_size):
        encoded = [encode(example, tokenizer) for example in examples[start : start + batch_size]]
        yield collate(encoded, pad_id).to(device)
