"""Shared parts of the pruning tests: pico models, random documents, and slow references."""

from typing import Any

import torch
from fabricated_models import VOCABULARY, build_model

from semalign.benchmarks.encoding import Batch, Encoded, collate


def pico(kind: str = "llama", **shape: Any) -> Any:
    """A random model of four layers in eval mode, with gains other than 1."""
    model = build_model(kind, **{"layers": 4, "width": 16, "seed": 3, **shape}).eval().requires_grad_(False)
    torch.manual_seed(5)
    for name, parameter in model.named_parameters():
        if name.endswith("norm.weight"):
            parameter.copy_(0.5 + torch.rand_like(parameter))
    return model


def documents(count: int = 12, seed: int = 0) -> list[Encoded]:
    """Documents of 5 to 20 random tokens."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(5, 21, (count,), generator=generator).tolist()
    return [
        Encoded(torch.randint(3, VOCABULARY, (length,), generator=generator).tolist(), 1)
        for length in lengths
    ]


def batches(count: int = 12, size: int = 4) -> list[Batch]:
    """The documents in padded batches of four."""
    encoded = documents(count)
    return [collate(encoded[at : at + size], 0) for at in range(0, count, size)]


def logits(model: Any, encoded: list[Encoded]) -> torch.Tensor:
    """Logits [tokens, vocabulary] of all documents, one by one."""
    with torch.no_grad():
        return torch.cat([model(torch.tensor([each.input_ids])).logits[0] for each in encoded])
