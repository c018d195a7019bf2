"""The frozen prefix, compared with the whole model in float64, and when it must not be used."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_models import ARCHITECTURES

from semalign.benchmarks.encoding import Batch, Encoded
from semalign.config.methods import Lora
from semalign.config.optimisation import Optimisation
from semalign.methods.common.adapters import Training, Work, adapt, train_adapter
from semalign.methods.common.prefix import can_keep, first_trained, frozen_prefix
from semalign.models.anatomy import capture, layers_of
from semalign.models.loading import load_model
from semalign.models.readout import final_states, head_logits
from semalign.runtime.errors import UserError
from semalign.training.checkpoint import Checkpoint
from semalign.training.loop import Record
from semalign.training.losses import cross_entropy

EXAMPLES = [
    Encoded([1, *(3 + (7 * i + j) % 250 for j in range(4 + (5 * i) % 9)), 2], 2 + i % 3) for i in range(11)
]


def make(models: Callable[..., Path], kind: str, layers: list[int], dropout: float = 0.0) -> Any:
    model = load_model(models(kind, layers=4, width=32, seed=3), dtype=torch.float64)
    return adapt(model, layers, Lora(rank=2, alpha=4, projections=["up", "o"], dropout=dropout), seed=0)


def steering(model: Any, batch: Batch, _indices: list[int]) -> dict[str, torch.Tensor]:
    """A loss on the states of layer 3 and on the labels."""
    with capture(model, [3], ["contribution"]) as states:
        logits = head_logits(model, final_states(model, batch))
    layer = states["contribution", 3][batch.supervised].square().mean()
    return {"layer": layer, "label": cross_entropy(logits, batch.labels[batch.supervised])}


def run(adapted: Any, folder: Path, **changes: Any) -> tuple[list[Record], dict[str, torch.Tensor]]:
    settings = {"learning_rate": 0.02, "epochs": 3, "batch_size": 4} | changes.pop("settings", {})
    loss, every = changes.pop("loss", steering), changes.pop("every", 200)
    checkpoint = Checkpoint(folder / "checkpoint", every)
    training = Training(Optimisation(**settings), 5, "test", checkpoint, **changes)
    trained = train_adapter(Work(adapted.base_model.model, EXAMPLES, 0), loss, training)
    factors = {n: p.detach().clone() for n, p in adapted.named_parameters() if p.requires_grad}
    return trained.history, factors


@pytest.mark.parametrize("kind", ARCHITECTURES)
@pytest.mark.parametrize("settings", [{}, {"micro_batch": 3}])
def test_losses_and_factors_are_those_of_the_whole_model(
    models: Callable[..., Path], tmp_path: Path, kind: str, settings: dict[str, Any]
) -> None:
    slow = run(make(models, kind, [3]), tmp_path / "slow", settings=settings, room=0)
    fast = run(make(models, kind, [3]), tmp_path / "fast", settings=settings)
    for a, b in zip(slow[0], fast[0], strict=True):
        assert a == pytest.approx(b, rel=1e-10)
    for name, factor in slow[1].items():
        torch.testing.assert_close(fast[1][name], factor, atol=1e-9, rtol=1e-8)


def test_the_layers_below_run_once_an_example(models: Callable[..., Path], tmp_path: Path) -> None:
    adapted = make(models, "llama", [3])
    layers = layers_of(adapted.base_model.model)
    seen = {1: 0, 2: 0, 3: 0}
    for number in seen:
        module = layers[number - 1].mlp

        def count(_module: Any, args: Any, number: int = number) -> None:
            seen[number] += len(args[0])

        module.register_forward_pre_hook(count)
    run(adapted, tmp_path)
    assert seen == {1: len(EXAMPLES), 2: len(EXAMPLES), 3: 3 * len(EXAMPLES)}
    assert "forward" not in layers[0].__dict__ and not layers[2]._forward_pre_hooks


def test_a_resumed_training_has_the_same_bytes(models: Callable[..., Path], tmp_path: Path) -> None:
    whole = run(make(models, "llama", [3]), tmp_path / "whole")
    steps = []

    def breaking(model: Any, batch: Batch, indices: list[int]) -> dict[str, torch.Tensor]:
        steps.append(indices)
        if len(steps) == 5:
            raise KeyboardInterrupt
        return steering(model, batch, indices)

    with pytest.raises(KeyboardInterrupt):
        run(make(models, "llama", [3]), tmp_path / "part", loss=breaking, every=1)
    resumed = run(make(models, "llama", [3]), tmp_path / "part")
    assert resumed[0] == whole[0]
    assert all(torch.equal(resumed[1][name], factor) for name, factor in whole[1].items())


def test_where_it_is_not_used(models: Callable[..., Path]) -> None:
    def usable(adapted: Any, visits: int = 100, **given: int) -> bool:
        model = adapted.base_model.model
        return can_keep(model, first_trained(model), EXAMPLES, visits, **given)

    assert usable(make(models, "llama", [3]))
    assert not usable(make(models, "llama", [1, 3]))
    assert not usable(make(models, "llama", [3]), visits=len(EXAMPLES))
    size = sum(len(item.input_ids) for item in EXAMPLES) * 32 * 8
    assert usable(make(models, "llama", [3]), room=size) and not usable(
        make(models, "llama", [3]), room=size - 1
    )
    above = make(models, "llama", [3], dropout=0.5)
    assert usable(above)  # dropout only above the prefix
    below = make(models, "llama", [2, 3], dropout=0.5)
    for name, parameter in below.base_model.model.named_parameters():
        parameter.requires_grad_("layers.2." in name and "lora" in name)
    assert first_trained(below.base_model.model) == 3 and not usable(below)
    embedded = make(models, "llama", [3])
    embedded.base_model.model.get_input_embeddings().weight.requires_grad_(True)
    assert not usable(embedded)


def test_dropout_above_draws_what_it_would_have_drawn(models: Callable[..., Path], tmp_path: Path) -> None:
    slow = run(make(models, "llama", [3], dropout=0.3), tmp_path / "slow", room=0)
    fast = run(make(models, "llama", [3], dropout=0.3), tmp_path / "fast")
    assert slow[0][-1] == pytest.approx(fast[0][-1], rel=1e-10)


def test_reading_a_skipped_layer_is_refused(models: Callable[..., Path]) -> None:
    model = make(models, "llama", [3]).base_model.model
    from semalign.benchmarks.encoding import collate

    batch = collate(EXAMPLES[:2], 0)
    with (
        frozen_prefix(model, EXAMPLES, 4, 0, 100) as visit,
        pytest.raises(ValueError, match="a layer that is skipped"),
        visit(batch, [0, 1]),
        capture(model, [2], ["mlp"]),
    ):
        final_states(model, batch)
    final_states(model, batch)  # works again after the error


def test_user_errors_leave_the_model_as_it_was(models: Callable[..., Path], tmp_path: Path) -> None:
    adapted = make(models, "llama", [3])

    def broken(_model: Any, _batch: Batch, _indices: list[int]) -> dict[str, torch.Tensor]:
        return {"loss": torch.tensor(float("nan"), requires_grad=True)}

    with pytest.raises(UserError, match="expected a finite number"):
        run(adapted, tmp_path, loss=broken)
    assert all("forward" not in layer.__dict__ for layer in layers_of(adapted.base_model.model))
