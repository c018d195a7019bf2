"""Seeking's sensitivities and window search, compared with the full matrices of sensitivities."""

from pathlib import Path

import pytest
import torch
from slow_references import brute_force, sensitivities

from semalign.benchmarks.base import read_split
from semalign.benchmarks.encoding import collate, encode
from semalign.models.loading import load_model, load_tokenizer
from semalign.runtime.errors import UserError
from semalign.signals.extraction.matrices import matrices_of
from semalign.signals.extraction.search import find_windows, most_sensitive
from semalign.signals.extraction.sensitivity import Tally, add_up
from semalign.signals.extraction.windows import first_maximum

NO_TOKENS = torch.empty(0, dtype=torch.long)


def test_layers_with_the_highest_scores_are_kept_in_the_order_of_their_depth() -> None:
    assert most_sensitive([1.0, 9.0, 3.0, 5.0], 2) == [2, 4]
    assert most_sensitive([1.0, 5.0, 5.0, 5.0], 2) == [2, 3]
    assert most_sensitive([3.0, 1.0, 2.0], 3) == [1, 2, 3]


@pytest.fixture(scope="module")
def batches(pico_benchmark: Path, pico_pair):
    tokenizer = load_tokenizer(pico_pair[0])
    return [collate([encode(e, tokenizer)], 0) for e in read_split(pico_benchmark, "extract")[:3]]


def test_scores_and_window_sums_are_those_of_the_whole_s(pico_pair, batches) -> None:
    model = load_model(pico_pair[0])
    expected = sensitivities(model, batches)
    matrices = matrices_of(model, ["up", "k", "head"], torch.arange(259))
    shapes = {"up": (64, 32), "k": (16, 32), "head": (259, 32)}
    tally = Tally(shapes, matrices, blocks=True)
    add_up(model, batches, tally)
    for layer in range(1, 5):
        block = [s for name, s in expected.items() if name.startswith(f"model.layers.{layer - 1}.")]
        assert any("norm" in name for name in expected)
        assert tally.scores[layer] == pytest.approx(sum(float(s.sum()) for s in block), rel=1e-6)
    for matrix in matrices:
        s = matrix.view(expected[matrix.parameter]).numpy()
        sums, best = brute_force(s, shapes[matrix.projection])
        torch.testing.assert_close(tally.sums[matrix.key], torch.tensor(sums), rtol=1e-6, atol=0.0)
        assert first_maximum(tally.sums[matrix.key]) == best


def test_absolute_values_are_taken_an_example(pico_pair, batches) -> None:
    model = load_model(pico_pair[0])
    matrices = matrices_of(model, ["up"], NO_TOKENS)
    both, alone = Tally({"up": (64, 32)}, matrices), [Tally({"up": (64, 32)}, matrices) for _ in range(2)]
    add_up(model, batches[:2], both)
    for batch, tally in zip(batches, alone, strict=False):
        add_up(model, [batch], tally)
    for key, sums in both.sums.items():
        torch.testing.assert_close(sums, alone[0].sums[key] + alone[1].sums[key])


def test_accumulators_that_do_not_fit_take_more_passes_and_find_the_same(pico_pair, batches) -> None:
    model = load_model(pico_pair[0])
    matrices = matrices_of(model, ["up", "down", "v"], NO_TOKENS)
    shapes = {"up": (64, 32), "down": (32, 64), "v": (16, 32)}
    once = find_windows(model, batches, matrices, shapes, 3, share=10.0)
    grouped = find_windows(model, batches, matrices, shapes, 3, share=0.06)
    alone = find_windows(model, batches, matrices, shapes, 3, share=0.0)
    assert (once.passes, alone.passes) == (1, 1 + 9)
    assert 2 < grouped.passes < 10
    kept = {m.key for m in matrices if m.layer in once.layers}
    assert once.windows == grouped.windows == alone.windows
    assert once.scores == grouped.scores == alone.scores
    assert set(once.windows) == kept


def test_the_teacher_is_left_as_it_was(pico_pair, batches) -> None:
    model = load_model(pico_pair[0])
    before = {name: p.clone() for name, p in model.named_parameters()}
    find_windows(model, batches, matrices_of(model, ["up"], NO_TOKENS), {"up": (64, 32)}, 3)
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name])
        assert parameter.grad is None
        assert not parameter.requires_grad
        assert not parameter._post_accumulate_grad_hooks


def test_a_loss_that_is_not_finite_is_refused(pico_pair, batches) -> None:
    model = load_model(pico_pair[0])
    model.get_submodule("model.norm").weight.fill_(torch.inf)
    with pytest.raises(UserError, match="example 0 of the extract split"):
        add_up(model, batches, Tally({}, blocks=True))
