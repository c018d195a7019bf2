"""The teacher's reference on a split, stored once: its final states at the answer's positions.

States are stored instead of logits because the teacher's width is much smaller than its vocabulary. The stored states
times the teacher's LM head give the logits.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from semalign.benchmarks.base import Example
from semalign.benchmarks.encoding import collate, encode
from semalign.evaluation.states import answer_states
from semalign.runtime.errors import UserError
from semalign.runtime.files import replace_file


@dataclass(frozen=True)
class Reference:
    """Teacher-forced states of each example.

    `states` [positions, teacher width] float32, the input of the LM head after the final norm; `tokens`
    [positions] the teacher's id of each answer token (the last one of an example is eos). The rows of example i
    are `offsets[i]` up to, not including, `offsets[i + 1]`.
    """

    ids: list[str]
    states: torch.Tensor
    tokens: torch.Tensor
    offsets: torch.Tensor

    def pick(self, indices: Sequence[int]) -> "Reference":
        """The reference of the examples with these indices, in their order."""
        places = [torch.arange(*self.offsets[[i, i + 1]].tolist()) for i in indices]
        offsets = torch.tensor([0, *map(len, places)]).cumsum(0)
        rows = torch.cat(places)
        return Reference([self.ids[i] for i in indices], self.states[rows], self.tokens[rows], offsets)

    def by_example(self, name: Literal["states", "tokens"]) -> tuple[torch.Tensor, ...]:
        """One tensor per example."""
        tensor: torch.Tensor = getattr(self, name)
        return tensor.split(self.offsets.diff().tolist())


def reference_states(model: Any, tokenizer: Any, examples: Sequence[Example], batch_size: int) -> Reference:
    """Run the teacher once over prompts with their reference answers."""
    states = []
    tokens = []
    lengths = []
    for start in range(0, len(examples), batch_size):
        encoded = [encode(example, tokenizer).last for example in examples[start : start + batch_size]]
        batch = collate(encoded, tokenizer.pad_token_id or 0).to(model.device)
        states.append(answer_states(model, batch).float().cpu())
        tokens.append(batch.labels[batch.supervised].cpu())
        lengths.append(batch.supervised.sum(dim=1).cpu())
    offsets = torch.cat([torch.zeros(1, dtype=torch.long), torch.cat(lengths).cumsum(0)])
    return Reference([example.id for example in examples], torch.cat(states), torch.cat(tokens), offsets)


def write_reference(path: Path, reference: Reference) -> None:
    """Store a reference as one safetensors file, atomically."""
    tensors = {"states": reference.states, "tokens": reference.tokens, "offsets": reference.offsets}
    with replace_file(path) as temporary:
        # only one metadata key: safetensors writes several keys in no fixed order
        save_file(tensors, temporary, metadata={"ids": json.dumps(reference.ids)})


def read_reference(path: Path) -> Reference:
    """Read a stored reference; raises UserError if the file is missing or is not a reference."""
    try:
        with safe_open(path, "pt") as file:
            ids = json.loads(file.metadata()["ids"])
            return Reference(ids, *(file.get_tensor(name) for name in ("states", "tokens", "offsets")))
    except (OSError, SafetensorError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not a readable teacher reference ({error})") from None
