"""The states that enter the LM head at chosen positions, without computing the head at any position."""

from typing import Any

import torch

from semalign.benchmarks.encoding import Batch


def answer_states(model: Any, batch: Batch) -> torch.Tensor:
    """Final hidden states after the norm [supervised positions, width], in the model's precision."""
    return states_at(model, batch.input_ids, batch.attention_mask, batch.supervised)


def states_at(
    model: Any, input_ids: torch.Tensor, attention_mask: torch.Tensor, wanted: torch.Tensor
) -> torch.Tensor:
    """Final hidden states after the norm [wanted positions, width], row by row; the inputs are [texts, positions].

    A hook before the LM head keeps the wanted rows and passes an empty tensor to the head, so no logits are computed.
    """
    kept: list[torch.Tensor] = []

    def keep(_head: torch.nn.Module, arguments: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor]:
        states = arguments[0][wanted.to(arguments[0].device)]
        kept.append(states)
        return (states[:0],)

    handle = model.get_output_embeddings().register_forward_pre_hook(keep)
    try:
        with torch.no_grad():
            model(input_ids=input_ids, attention_mask=attention_mask, use_cache=False)
    finally:
        handle.remove()
    return kept[0]


def logits_of(model: Any, states: torch.Tensor) -> torch.Tensor:
    """The model's logits [positions, vocabulary] of its own final states."""
    with torch.no_grad():
        logits = model.get_output_embeddings()(states)
    return capped(logits, getattr(model.config, "final_logit_softcapping", None))


def capped(logits: torch.Tensor, softcap: float | None) -> torch.Tensor:
    """Gemma's soft cap on the final logits."""
    return softcap * torch.tanh(logits.float() / softcap) if softcap else logits
