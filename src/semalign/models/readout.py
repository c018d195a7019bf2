"""Logits of residual states: a model's final norm, LM head and soft cap, without the rest of the model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from semalign.benchmarks.encoding import Batch
from semalign.models.anatomy import facts_of
from semalign.models.loading import TensorFolder, read_head
from semalign.runtime.errors import UserError


@dataclass(frozen=True)
class Readout:
    """Logits = softcap(weight n(h)) with the model's own final norm n, in float32.

    `weight` [tokens, width] may be a selection of the head's rows. No supported architecture has a bias in its head.
    """

    norm: torch.nn.Module
    weight: torch.Tensor
    softcap: float | None

    def of_block(self, states: torch.Tensor) -> torch.Tensor:
        """Logits [positions, tokens] of block outputs [positions, width] of any layer."""
        normed: torch.Tensor = self.norm(states)
        return self.of_final(normed)

    def of_final(self, states: torch.Tensor) -> torch.Tensor:
        """Logits [positions, tokens] of states [positions, width] after the final norm."""
        logits = states @ self.weight.T
        return self.softcap * torch.tanh(logits / self.softcap) if self.softcap else logits

    def check(self, path: Path, states: torch.Tensor) -> None:
        """Raise UserError if the states in `path` do not have the model's width."""
        if states.shape[-1] != self.weight.shape[1]:
            raise UserError(
                f"{path}: found states of width {states.shape[-1]}, expected the teacher's {self.weight.shape[1]}"
            )


def readout_of(model: Any) -> Readout:
    """The readout of a loaded model, sharing its weights."""
    norm = model.get_submodule(facts_of(model).final_norm)
    softcap = getattr(model.config, "final_logit_softcapping", None)
    weight = model.get_output_embeddings().weight
    exact = weight.dtype in (
        torch.float32,
        torch.float64,
    )  # half precision is widened: logits here are float32
    return Readout(norm, weight if exact else weight.detach().float(), softcap)


def read_readout(folder: Path, tokens: torch.Tensor | None = None) -> Readout:
    """Read the readout of the model in `folder` without the rest of the model; only head rows `tokens`, if given.

    The norm is the architecture's own module, taken from a model without weights.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    head = read_head(folder)
    stored = TensorFolder(folder)
    name = stored.facts.final_norm
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    with torch.device("meta"):
        norm = AutoModelForCausalLM.from_config(config).get_submodule(name)
    norm = norm.to_empty(device="cpu").float().eval().requires_grad_(False)
    norm.load_state_dict({part: stored.read(f"{name}.{part}") for part in norm.state_dict()})
    weight = head.weight if tokens is None else head.weight[tokens]
    return Readout(norm, weight.float(), head.softcap)


def answer_logits(model: Any, batch: Batch) -> torch.Tensor:
    """Logits [supervised positions, vocabulary]; the head runs only at positions with a label."""
    return head_logits(model, final_states(model, batch))


def final_states(model: Any, batch: Batch) -> torch.Tensor:
    """The input of the LM head, after the final norm, [supervised positions, width]."""
    body = model.base_model
    hidden = body(batch.input_ids, attention_mask=batch.attention_mask, use_cache=False).last_hidden_state
    states: torch.Tensor = hidden[batch.supervised.to(hidden.device)]
    return states


def head_logits(model: Any, states: torch.Tensor) -> torch.Tensor:
    """Logits [positions, vocabulary] of final states [positions, width], soft cap included."""
    logits: torch.Tensor = model.get_output_embeddings()(states)
    softcap = getattr(model.config, "final_logit_softcapping", None)
    return logits if softcap is None else softcap * torch.tanh(logits / softcap)
