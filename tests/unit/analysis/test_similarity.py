"""CKA against direct definitions with whole Gram matrices in float64."""

from itertools import permutations
from pathlib import Path

import pytest
import torch
from torch import Tensor

from semalign.analysis.comparison import compare_pair
from semalign.analysis.options import Machine, Table
from semalign.analysis.similarity import compare_models
from semalign.analysis.stage import measure_similarity
from semalign.analysis.states import choose_positions, layer_states, same_tokens
from semalign.runtime.errors import UserError
from semalign.signals import cka
from semalign.signals.cka import cka_matrices, debiased_cka, linear_cka


def draw(positions: int, width: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(positions, width, generator=generator, dtype=torch.float64) * 3 + 1


def related(positions: int = 40) -> tuple[Tensor, Tensor]:
    left = draw(positions, 7, 0)
    return left, left @ draw(7, 11, 1) + draw(positions, 11, 2)


def hsic(left: Tensor, right: Tensor) -> Tensor:
    """tr(K H L H): Gretton et al. 2005."""
    count = len(left)
    centring = torch.eye(count, dtype=torch.float64) - 1 / count
    return (left @ left.T @ centring @ right @ right.T @ centring).trace()


def unbiased_hsic(left: Tensor, right: Tensor) -> Tensor:
    """The estimator of Song et al. 2012, term by term, on states that are not centred."""
    count = len(left)
    keep = 1 - torch.eye(count, dtype=torch.float64)
    k, l = (left @ left.T) * keep, (right @ right.T) * keep  # noqa: E741
    ones = torch.ones(count, dtype=torch.float64)
    terms = (k @ l).trace() + (ones @ k @ ones) * (ones @ l @ ones) / ((count - 1) * (count - 2))
    return (terms - 2 / (count - 2) * (ones @ k @ l @ ones)) / (count * (count - 3))


def test_plain_cka_equals_its_definition() -> None:
    left, right = related()
    expected = hsic(left, right) / (hsic(left, left) * hsic(right, right)).sqrt()
    assert linear_cka(left, right) == pytest.approx(float(expected), rel=1e-10)


def test_debiased_cka_equals_its_definition() -> None:
    left, right = related()
    own = (unbiased_hsic(left, left) * unbiased_hsic(right, right)).sqrt()
    assert debiased_cka(left, right) == pytest.approx(float(unbiased_hsic(left, right) / own), rel=1e-9)


def test_channels_and_positions_give_the_same_products() -> None:
    layers = [draw(90, width, seed).float() for seed, width in enumerate((5, 3, 8))]
    ways = [way(layers) for way in (cka._channel_products, cka._gram_products)]
    torch.testing.assert_close(*ways, rtol=1e-10, atol=0)
    assert cka._many_positions(layers)
    assert not cka._many_positions([draw(20, 60, 1), draw(20, 30, 2)])


def test_the_estimator_is_unbiased() -> None:
    """Over every pairing of six positions the unbiased HSIC averages to zero, the plain one does not."""
    left, right = draw(6, 3, 4), draw(6, 2, 5)
    orders = [list(order) for order in permutations(range(6))]
    assert abs(sum(float(unbiased_hsic(left, right[order])) for order in orders)) / len(orders) < 1e-9
    diagonals = torch.stack([(cka._centre(side) ** 2).sum(dim=1) for side in (left, right)])
    total = 0.0
    for order in orders:
        products = cka._gram_products([left, right[order]])
        shuffled = torch.stack([diagonals[0], diagonals[1][order]])
        total += float(cka._unbiased(products, shuffled, 6)[0, 1])
    assert abs(total) / len(orders) < 1e-9


def test_unrelated_wide_states_fool_the_plain_form_alone() -> None:
    left, right = draw(150, 800, 6), draw(150, 800, 7)
    assert linear_cka(left, right) > 0.8
    assert abs(debiased_cka(left, right)) < 0.05


def test_invariant_to_rotation_scale_and_shift_but_not_to_stretching() -> None:
    left, right = related()
    rotation, _ = torch.linalg.qr(draw(11, 11, 8))
    moved = right @ rotation * 4 - 2
    assert linear_cka(left, moved) == pytest.approx(linear_cka(left, right), rel=1e-9)
    assert debiased_cka(left, moved) == pytest.approx(debiased_cka(left, right), rel=1e-9)
    stretched = right * torch.logspace(0, 2, 11, dtype=torch.float64)
    assert abs(linear_cka(left, stretched) - linear_cka(left, right)) > 0.01


def test_matrices_over_layers_whatever_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    left, right = (
        [draw(30, width, width) for width in (3, 5)],
        [draw(30, width, width) for width in (4, 5, 6)],
    )
    plain, debiased = cka_matrices(left, right)
    assert plain.shape == debiased.shape == (2, 3)
    assert plain[1, 1] == pytest.approx(1) and debiased[1, 1] == pytest.approx(1)
    assert float(plain[0, 2]) == pytest.approx(linear_cka(left[0], right[2]), rel=1e-10)
    monkeypatch.setattr(cka, "BLOCK_BYTES", 8 * 30 * 5 * 7)
    for found, expected in zip(cka_matrices(left, right), (plain, debiased), strict=True):
        torch.testing.assert_close(found, expected)


def test_positions_must_agree_and_suffice() -> None:
    with pytest.raises(UserError, match=r"\[4, 5\]"):
        linear_cka(draw(4, 2, 0), draw(5, 2, 0))
    with pytest.raises(UserError, match="4 or more"):
        linear_cka(draw(3, 2, 0), draw(3, 2, 1))


def test_tidy_rows_of_several_models() -> None:
    states = {"a": [draw(20, 3, 1), draw(20, 3, 2)], "b": [draw(20, 4, 3)]}
    table = compare_models(states, [("a", "b"), ("a", "a")])
    columns = ["comparison", "left", "right", "left_layer", "right_layer", "cka", "cka_debiased"]
    assert list(table.columns) == columns and len(table) == 2 + 4
    row = table[(table.comparison == "a~b") & (table.left_layer == 2)].iloc[0]
    assert row.cka == pytest.approx(linear_cka(states["a"][1], states["b"][0]))
    assert row.cka_debiased == pytest.approx(debiased_cka(states["a"][1], states["b"][0]))


def test_positions_are_drawn_in_order_without_the_first() -> None:
    prompts = [[1, 2, 3, 4], [5], [], [6, 7, 8]]
    everything = choose_positions(prompts, 100)
    assert [kept.tolist() for kept in everything] == [[1, 2, 3], [], [], [1, 2]]
    assert [kept.tolist() for kept in choose_positions(prompts, 100, drop_first=False)][1] == [0]
    some = choose_positions(prompts, 3, seed=1)
    assert sum(len(kept) for kept in some) == 3
    assert all(torch.equal(a, b) for a, b in zip(some, choose_positions(prompts, 3, seed=1), strict=True))


def test_layer_states_are_the_models_own(pico_pair: tuple[Path, Path]) -> None:
    from semalign.models.loading import load_model

    model = load_model(pico_pair[1])
    prompts = [[1, 5, 9, 11], [1], [1, 7, 7]]
    states = layer_states(model, prompts, choose_positions(prompts, 100))
    assert [tuple(layer.shape) for layer in states] == [(5, 32)] * 3
    hidden = model(torch.tensor([prompts[0]]), output_hidden_states=True).hidden_states
    torch.testing.assert_close(states[0][:3], hidden[1][0, 1:])


def test_pair_of_models_end_to_end(pico_pair: tuple[Path, Path], tmp_path: Path) -> None:
    from semalign.models.transfers import write_transfer

    write_transfer(tmp_path, "untouched", "student")
    texts = ["def f(x): return x", "a longer text of some bytes"]
    table = compare_pair(*pico_pair, tmp_path, texts, positions=30)
    assert set(table.comparison) == {
        "teacher~student-before",
        "student-before~student-before",
        "teacher~student-after",
        "student-after~student-after",
        "student-before~student-after",
    }
    own = table[table.comparison == "student-before~student-after"]
    diagonal = own[own.left_layer == own.right_layer]
    assert len(diagonal) == 3 and diagonal.cka.round(9).eq(1).all()
    assert len(table[table.left == "teacher"]) == 2 * 4 * 3
    assert len(compare_pair(*pico_pair, None, texts).comparison.unique()) == 2


@pytest.mark.slow
def test_table_of_a_pair_is_labelled_and_the_same_twice(pico_pair: tuple[Path, Path], tmp_path: Path) -> None:
    settings = tmp_path / "similarity.json"
    settings.write_text('{"benchmark": "facts", "count": 4}', encoding="utf-8")
    labels = ["pair=a~b", "method=007"]
    paths = [tmp_path / "one.csv", tmp_path / "two.csv"]
    for path in paths:
        table = Table(path, label=labels)
        measure_similarity(*pico_pair, "humaneval", table, settings=settings, machine=Machine("cpu"))
    assert paths[0].read_bytes() == paths[1].read_bytes()
    lines = paths[0].read_text(encoding="utf-8").splitlines()
    assert lines[0] == "pair,method,comparison,left,right,left_layer,right_layer,cka,cka_debiased"
    assert len(lines) == 1 + 4 * 3 + 3 * 3 and lines[1].startswith("a~b,007,teacher~student-before,teacher,")


def test_tokens_that_differ_are_refused() -> None:
    def bytes_of(text: str) -> dict[str, list[int]]:
        return {"input_ids": list(text.encode())}

    def words_of(text: str) -> dict[str, list[int]]:
        return {"input_ids": list(range(len(text.split())))}

    assert same_tokens(bytes_of, bytes_of, ["ab"]) == [[97, 98]]
    with pytest.raises(UserError, match="different tokens"):
        same_tokens(words_of, bytes_of, ["a b"])
