"""Reading the teacher's states at the answers, against a full forward pass that returns the states of every layer."""

from collections.abc import Sequence
from typing import Any

import torch

from bench.fabricated import SHAPES, examples, llama
from bench.subject import Case, Check, Goal, Sides, Size, Subject
from semalign.benchmarks.encoding import Encoded, collate
from semalign.models.states import read_states


def whole_batches(model: Any, encoded: Sequence[Encoded], layer: int, batch_size: int) -> torch.Tensor:
    """States [positions, width] of one layer with `output_hidden_states=True`, batches in the examples' order.

    It keeps no cache of keys and values, and only the states of a batch.
    """
    parts = []
    for start in range(0, len(encoded), batch_size):
        batch = collate(encoded[start : start + batch_size], 0).to(model.device)
        with torch.no_grad():
            out = model(
                batch.input_ids,
                attention_mask=batch.attention_mask,
                use_cache=False,
                output_hidden_states=True,
            )
        parts.append(out.hidden_states[layer][batch.supervised].float().cpu())
        del out
    return torch.cat(parts)


def build(size: Size, device: str) -> Sides:
    """The sides with a random teacher, examples of different lengths, and the layer at half the depth."""
    shape = SHAPES[size["shape"]]
    model = llama(shape, device)
    encoded = examples(size["examples"], size["length"], shape.vocabulary)
    layer, batch = shape.layers // 2, size["batch"]

    def ours() -> torch.Tensor:
        return read_states(model, encoded, [layer], "block", batch, 0)[layer]

    def check(mine: torch.Tensor, theirs: torch.Tensor) -> Check:
        worst = (mine - theirs).norm(dim=-1) / theirs.norm(dim=-1)
        limit = 1e-5 if shape.dtype == "float32" else 0.05
        return Check("largest relative difference of a state", float(worst.max()), limit)

    tokens = sum(len(item.input_ids) for item in encoded)
    return Sides(ours, lambda: whole_batches(model, encoded, layer, batch), check, work=tokens)


GOAL = Goal(faster=2, memory=0.1)
SUBJECT = Subject(
    "teacher signals at half depth",
    "`output_hidden_states=True` over whole batches",
    {
        "cpu": (
            Case(
                "SmolLM2-135M's shape",
                {"shape": "smollm2-135m", "examples": 24, "length": 96, "batch": 8},
                3,
                goal=GOAL,
            ),
        ),
        "cuda": (
            Case(
                "Llama-2-13B's shape",
                {"shape": "llama2-13b", "examples": 256, "length": 256, "batch": 16},
                5,
                goal=GOAL,
            ),
        ),
        "quick": (Case("pico", {"shape": "pico", "examples": 6, "length": 12, "batch": 2}, 2, memory=False),),
    },
    build,
    unit="tokens",
    explanation={
        "cpu": "Memory: what is left is one layer's feed-forward and attention over a batch's tokens. The alternative "
        "is lean here: it keeps no cache, and only the requested states of a batch."
    },
)
