"""LaTen's alignment: batches, loss, the hypernetworks' gradients, and updates."""

from pathlib import Path

import pytest
import torch
from fabricated_signals import laten_settings

from semalign.benchmarks.encoding import collate
from semalign.methods.base import TransferTask
from semalign.methods.laten import Laten
from semalign.methods.laten import alignment as laten
from semalign.methods.laten.alignment import Aligner, answer_loss, portions
from semalign.runtime.errors import UserError
from semalign.signals.location.stored import Locations


@pytest.fixture
def aligner(sealed_pair, pico_benchmark: Path, located: Path, tmp_path: Path):
    def make(settings: Laten, seed: int = 0) -> Aligner:
        folders = (sealed_pair[1], sealed_pair[0], pico_benchmark, {"location": located})
        return Aligner(TransferTask(*folders, settings, seed, tmp_path), Locations.read(located))

    return make


def test_gradients_are_those_of_one_graph_with_overridden_weights(aligner) -> None:
    work = aligner(laten_settings(initial_deviation=0.05))
    batch = work.batch(1)
    terms = work.loss(batch)
    parameters = work.parameters()
    found = torch.autograd.grad(torch.stack(list(terms.values())).sum(), list(parameters.values()))

    index, examples = batch
    additions = work.additions(index)
    weights = {
        f"{d.module}.weight": work.model.get_submodule(d.module).weight.index_add(d.dim, d.indices, d.values)
        for d in work.deltas(index, additions)
    }
    total = torch.zeros(())
    for example in examples:
        ids = torch.tensor([example.input_ids])
        logits = torch.func.functional_call(work.model, weights, (ids,)).logits[0]
        answer = slice(example.answer_start, None)
        total = total + torch.nn.functional.cross_entropy(
            logits[example.answer_start - 1 : -1], ids[0, answer]
        )
        total = total + 1000 * sum(values.square().mean() for values in additions.values())
    torch.testing.assert_close(torch.stack(list(terms.values())).sum(), total)
    expected = torch.autograd.grad(total, list(parameters.values()))
    for name, one, other in zip(parameters, found, expected, strict=True):
        scale = float(other.abs().max())
        torch.testing.assert_close(one, other, atol=1e-4 * scale, rtol=1e-3, msg=name)
        assert scale > 0


def test_batches_hold_the_extract_example_and_align_examples_of_the_step(aligner) -> None:
    first, other = aligner(laten_settings(), seed=0), aligner(laten_settings(), seed=1)
    assert sorted(first.batch(step)[0] for step in range(6)) == list(range(6))
    assert [first.batch(s)[0] for s in range(6)] != [other.batch(s)[0] for s in range(6)]
    for step in (0, 7):
        index, batch = first.batch(step)
        assert batch[0] == first.extract[index]
        assert batch[1:] == other.batch(step)[1][1:]  # the draw depends only on the step, as released
        assert all(item in first.align for item in batch[1:])
    assert first.batch(7)[0] == first.batch(1)[0]


def test_the_released_mask_leaves_the_first_answer_token_unsupervised(aligner) -> None:
    ours, released = aligner(laten_settings()), aligner(laten_settings(as_released=True))
    for one, other in zip(ours.align, released.align, strict=True):
        assert one.input_ids == other.input_ids
        assert other.answer_start == one.answer_start + 1


def test_alignment_lowers_the_loss_of_its_batches(aligner) -> None:
    work = aligner(laten_settings(rate=0.1, steps=40, shrinkage=0.0))
    batches = [work.batch(step) for step in range(6)]

    def loss() -> float:
        return sum(float(work.loss(batch)["cross_entropy"].detach()) for batch in batches)

    before = loss()
    work.run()
    assert loss() < 0.9 * before


def test_updates_are_torchs_adamw_under_its_one_cycle(aligner) -> None:
    settings = laten_settings(rate=0.02, steps=4, initial_deviation=0.05)
    ours, reference = aligner(settings), aligner(settings)
    history = ours.run()
    parameters = reference.parameters()
    optimizer = torch.optim.AdamW(parameters.values(), lr=0.02, betas=(0.9, 0.95), weight_decay=0.05)
    # with six extract examples, fewer updates stop early on the schedule of all six
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.02, total_steps=6, pct_start=0.1, div_factor=25, final_div_factor=1
    )
    for step in range(4):
        optimizer.zero_grad()
        torch.stack(list(reference.loss(reference.batch(step)).values())).sum().backward()
        assert history[step]["learning_rate"] == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        cycle.step()
    for name, parameter in ours.parameters().items():
        torch.testing.assert_close(parameter, parameters[name], atol=1e-5, rtol=1e-4, msg=name)


def test_the_loss_is_the_sum_of_each_examples_mean_over_its_answer(aligner) -> None:
    work = aligner(laten_settings())
    examples = [*work.extract, *work.align]
    expected = torch.zeros(())
    for example in examples:
        ids = torch.tensor([example.input_ids])
        logits = work.model(ids).logits[0].log_softmax(-1)
        answer = range(example.answer_start, len(example.input_ids))
        expected -= sum(logits[i - 1, ids[0, i]] for i in answer) / len(answer)
    torch.testing.assert_close(answer_loss(work.model, collate(examples, 0)), expected)


def test_portions_bound_the_positions_and_change_nothing(aligner, monkeypatch: pytest.MonkeyPatch) -> None:
    work = aligner(laten_settings(initial_deviation=0.05))
    batch = work.batch(0)
    whole = work.loss(batch)["cross_entropy"]
    length = max(len(example.input_ids) for example in batch[1])
    monkeypatch.setattr(laten, "POSITIONS", 3 * length)
    parts = portions(batch[1])
    assert [example for part in parts for example in part] == batch[1]
    assert max(len(part) for part in parts) == 3
    torch.testing.assert_close(work.loss(batch)["cross_entropy"], whole)
    monkeypatch.setattr(laten, "POSITIONS", 1)
    assert [len(part) for part in portions(batch[1])] == [1] * len(batch[1])


def test_locations_of_another_extract_split_are_refused(aligner) -> None:
    work = aligner(laten_settings())
    shorter = {
        model: {name: part[1:] for name, part in parts.items()}
        for model, parts in work.locations.parts.items()
    }
    with pytest.raises(UserError, match="found 5 located extract examples, expected 6"):
        Aligner(work.task, Locations(shorter, 7))
