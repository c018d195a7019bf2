"""Signals read in batches of similar length equal those of single full passes in float64, in the examples' order."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from semalign.benchmarks.encoding import Encoded, collate, like_lengths
from semalign.config.methods import Lora
from semalign.config.signals import Logits
from semalign.methods.common.adapters import adapt
from semalign.methods.semalign import SemAlign
from semalign.methods.semalign.steering import steering_loss
from semalign.models.anatomy import capture, layers_of
from semalign.models.loading import load_model
from semalign.models.readout import final_states, head_logits
from semalign.models.states import offsets_of, read_states
from semalign.signals.distillation.logits import read_logits
from semalign.signals.distillation.units import read_units
from semalign.training.losses import keep_top

EXAMPLES = [
    Encoded([1, *(3 + (7 * i + j) % 250 for j in range(4 + (5 * i) % 13)), 2], 2 + i % 3) for i in range(11)
]


@pytest.fixture(scope="module")
def model(models: Callable[..., Path]) -> Any:
    return load_model(models("llama", layers=4, width=32, seed=3), dtype=torch.float64)


def test_groups_hold_every_example_once_the_longest_first() -> None:
    groups = like_lengths(EXAMPLES, 4)
    assert sorted(i for group in groups for i in group) == list(range(len(EXAMPLES)))
    lengths = [len(EXAMPLES[i].input_ids) for group in groups for i in group]
    assert lengths == sorted(lengths, reverse=True) and [len(group) for group in groups] == [4, 4, 3]
    assert len({len(item.input_ids) for item in EXAMPLES}) > 5


def test_states_logits_and_units_are_those_of_single_passes(model: Any) -> None:
    units, shared = torch.tensor([3, 17]), (torch.arange(259), torch.arange(259))
    states = read_states(model, EXAMPLES, [1, 3], "block", 4, 0)
    found = read_units(model, EXAMPLES, units, 4, 0)
    logits = read_logits(model, EXAMPLES, shared, Logits(batch_size=4, top_k=5), 0)
    offsets = offsets_of(EXAMPLES)
    for index, item in enumerate(EXAMPLES):
        batch, rows = collate([item], 0), slice(int(offsets[index]), int(offsets[index + 1]))
        with torch.no_grad(), capture(model, [1, 3], ["block"]) as single:
            final = final_states(model, batch)
            expected = keep_top(head_logits(model, final).float(), shared[1], 5)
        for layer in (1, 3):
            torch.testing.assert_close(states[layer][rows], single["block", layer][batch.supervised].float())
        torch.testing.assert_close(found[rows], final[:, units].float())
        assert torch.equal(logits["ids"][rows], expected["ids"])
        torch.testing.assert_close(logits["log_probs"][rows], expected["log_probs"])
        torch.testing.assert_close(logits["log_tail"][rows], expected["log_tail"])


def test_without_a_label_loss_nothing_above_runs_and_the_gradient_is_the_same(
    models: Callable[..., Path],
) -> None:
    def gradients(label_loss: str) -> tuple[list[torch.Tensor], int]:
        model = load_model(models("llama", layers=4, width=32, seed=3), dtype=torch.float64)
        adapted = adapt(model, [2], Lora(rank=2, alpha=4, projections=["up"]), seed=0)
        inner, ran = adapted.base_model.model, []
        layers_of(inner)[3].register_forward_hook(lambda *_: ran.append(True))
        with torch.no_grad():
            for name, parameter in inner.named_parameters():
                if "lora_B" in name:
                    parameter.fill_(0.1)
        batch = collate(EXAMPLES[:3], 0)
        count = int(batch.supervised.sum())
        rows = torch.randn(count, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
        targets: Any = SimpleNamespace(of=lambda _layer, _indices: rows)
        settings = SemAlign(label_loss=label_loss)  # type: ignore[arg-type]
        steering_loss(settings, targets, "block", [2])(inner, batch, [0, 1, 2])["layer"].backward()
        return [p.grad for p in inner.parameters() if p.grad is not None], len(ran)

    whole, ran = gradients("cross-entropy")
    short, none = gradients("none")
    assert (ran, none) == (1, 0)
    assert len(whole) == len(short) == 2
    assert all(torch.equal(a, b) for a, b in zip(whole, short, strict=True))
