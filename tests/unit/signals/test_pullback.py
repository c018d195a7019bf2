"""The pullback's objective and its solution, compared with the whole model in float64."""

import itertools
from collections.abc import Callable

import pytest
import torch
from fabricated_pairs import PAIRS, Pair
from pullback_cases import Case, case_of, slow_objective

from semalign.benchmarks.encoding import Encoded
from semalign.config.displacements import Pullback
from semalign.models.anatomy import layers_of
from semalign.signals.pullback.layers import read_blocks, solve_layers
from semalign.signals.pullback.solver import MEASURES, describe, means_of, solve

LAYERS = 3  # of the student


@pytest.fixture
def in_float64(pairs: Callable[[str], Pair], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Case]:
    """Cases in float64, norms included, which otherwise compute in float32 whatever the precision of a model."""

    def make(name: str) -> Case:
        case = case_of(pairs(name), torch.float64)
        monkeypatch.setattr(torch, "float32", torch.float64)
        monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
        return case

    return make


def draw(case: Case, layer: int, index: int, size: float = 0.3) -> torch.Tensor:
    """A displacement [positions, width] of one example, about `size` times as long as its own states."""
    problem = case.problem(layer, [index])
    return size * problem.unit * torch.randn(problem.own.shape, dtype=problem.own.dtype)


@pytest.mark.parametrize("name", PAIRS)
def test_the_objective_is_the_slow_formula_of_the_whole_models(
    name: str, pairs: Callable[[str], Pair]
) -> None:
    torch.manual_seed(0)
    case = case_of(pairs(name), torch.float64)
    for layer in range(1, LAYERS + 1):
        problem = case.problem(layer, [4, 1])
        deltas = [draw(case, layer, index) for index in (4, 1)]
        found = problem.objective(torch.cat(deltas) / problem.unit, proximity=0.7)
        slow = [
            value
            for index, delta in zip((4, 1), deltas, strict=True)
            for value in slow_objective(case, layer, index, delta, 0.7)
        ]
        assert found.tolist() == pytest.approx([value.item() for value in slow], rel=2e-5)


def test_the_soft_cap_of_the_logits_is_part_of_it(pairs: Callable[[str], Pair]) -> None:
    torch.manual_seed(3)
    case = case_of(pairs("gemma3-tied"), torch.float64)
    plain = case.problem(2, [1]).divergence(0 * case.problem(2, [1]).own)
    case.model.config.final_logit_softcapping = 0.5
    problem = case.problem(2, [1])
    delta = draw(case, 2, 1)
    slow = [value.item() for value in slow_objective(case, 2, 1, delta, 0.0)]
    assert problem.divergence(delta).tolist() == pytest.approx(slow, rel=2e-5)
    assert (problem.divergence(0 * delta) - plain).abs().max() > 0.01


@pytest.mark.parametrize("name", PAIRS)
def test_the_gradient_is_that_of_finite_differences(name: str, in_float64: Callable[[str], Case]) -> None:
    torch.manual_seed(1)
    case = in_float64(name)
    problem = case.problem(1, [0, 3])
    scaled = (0.2 * torch.randn_like(problem.own)).requires_grad_()
    (gradient,) = torch.autograd.grad(problem.objective(scaled, 0.3).sum(), scaled)
    step = 1e-6
    for _ in range(3):
        direction = torch.randn_like(scaled)
        with torch.no_grad():
            up, down = (problem.objective(scaled + sign * step * direction, 0.3).sum() for sign in (1, -1))
        slope = ((up - down) / (2 * step)).item()
        assert (gradient * direction).sum().item() == pytest.approx(slope, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("name", PAIRS)
def test_the_solution_says_more_of_the_teacher_from_every_layer(
    name: str, pairs: Callable[[str], Pair]
) -> None:
    case = case_of(pairs(name))
    for layer in range(1, LAYERS + 1):
        problem = case.problem(layer, [0, 1, 2])
        measures = describe(problem, solve(problem, Pullback(proximity=0.01)))
        facts = means_of([measures])
        assert facts["divergence_after"] < 0.75 * facts["divergence_before"]
        assert 0.05 < facts["relative_size"] < 3


def test_measures_are_their_formulas(llama: Pair) -> None:
    torch.manual_seed(2)
    case = case_of(llama, torch.float64)
    delta = draw(case, 2, 5)
    problem = case.problem(2, [5])
    found = dict(zip(MEASURES, describe(problem, delta).T.tolist(), strict=True))
    for name, added in (("divergence_before", 0 * delta), ("divergence_after", delta)):
        slow = [value.item() for value in slow_objective(case, 2, 5, added, 0.0)]
        assert found[name] == pytest.approx(slow, rel=2e-5)
    for row, (own, move) in enumerate(zip(problem.own, delta, strict=True)):
        assert found["relative_size"][row] == pytest.approx(float(move.norm() / own.norm()), rel=1e-9)
        cosine = own @ (own + move) / own.norm() / (own + move).norm()
        assert found["cosine"][row] == pytest.approx(float(cosine), rel=1e-9)


def test_a_strong_proximity_keeps_the_state_and_none_lets_it_go(llama: Pair) -> None:
    case = case_of(llama)
    problem = case.problem(1, range(6))
    moved, divergences = [], []
    for proximity in (0.0, 0.1, 3.0, 1e3, 1e9):
        settings = Pullback(steps=200, rate=0.02, proximity=proximity)
        facts = means_of([describe(problem, solve(problem, settings))])
        moved.append(facts["relative_size"])
        divergences.append(facts["divergence_after"])
    assert moved == sorted(moved, reverse=True)
    assert divergences == sorted(divergences)
    assert moved[0] > 0.1
    assert moved[-1] < 1e-6
    assert divergences[-1] == pytest.approx(facts["divergence_before"], rel=1e-5)


def test_no_example_ends_worse_than_it_began_and_more_steps_help(llama: Pair) -> None:
    case = case_of(llama)
    problem = case.problem(1, range(6))
    counts = problem.batch.supervised.sum(1).tolist()

    def values_at(delta: torch.Tensor) -> torch.Tensor:
        rows = problem.objective(delta / problem.unit, 0.1)
        return torch.stack([part.sum() for part in rows.split(counts)])

    def values(settings: Pullback) -> torch.Tensor:
        return values_at(solve(problem, settings))

    begun = values_at(torch.zeros_like(problem.own))
    assert (values(Pullback(rate=100.0)) <= begun + 1e-4).all()
    paths = [values(Pullback(steps=steps)) for steps in (1, 5, 30, 200)]
    assert (paths[0] < begun).all()
    assert all((after <= before + 1e-4).all() for before, after in itertools.pairwise(paths))


@pytest.mark.parametrize("name", ["llama", "gemma3-tied", "neox"])
def test_examples_of_a_padded_batch_do_not_affect_each_other(
    name: str, in_float64: Callable[[str], Case]
) -> None:
    """Adam divides by the gradient's size, which enlarges the rounding of numbers whose gradient is near zero."""
    case = in_float64(name)
    item = case.examples[2]
    case.examples[2] = Encoded([1, *range(40, 52), *item.input_ids[1:]], item.answer_start + 12)
    problem = case.problem(2, [3, 2, 0])
    whole = solve(problem, Pullback())
    alone = torch.cat([solve(case.problem(2, [index]), Pullback()) for index in (3, 2, 0)])
    torch.testing.assert_close(whole, alone, atol=1e-7, rtol=1e-5)


def test_each_layer_is_solved_by_itself_and_the_layers_below_run_once_per_example(llama: Pair) -> None:
    case = case_of(llama)
    settings = Pullback(steps=4, batch_size=2)
    alone = {
        layer: solve_layers(case.model, case.examples, 0, [layer], case.teacher, settings) for layer in (1, 3)
    }
    seen = dict.fromkeys(range(1, LAYERS + 1), 0)
    for number, layer in enumerate(layers_of(case.model), start=1):

        def count(_module: object, args: tuple[torch.Tensor], number: int = number) -> None:
            seen[number] += len(args[0])

        layer.mlp.register_forward_pre_hook(count)
    both = solve_layers(case.model, case.examples, 0, [1, 3], case.teacher, settings)
    for layer, solved in both.items():
        assert torch.equal(solved.displacements, alone[layer][layer].displacements)
        assert solved.measures == alone[layer][layer].measures
    # reading up to layer 3, then for layer 1 five values of the objective and two measures
    assert seen == {1: 6, 2: 6 + 7 * 6, 3: 6 + 7 * 6}


def test_states_are_those_that_transformers_returns(llama: Pair) -> None:
    case = case_of(llama)
    problem = case.problem(2, [4, 1])
    hidden = case.model(
        problem.batch.input_ids, attention_mask=problem.batch.attention_mask, output_hidden_states=True
    ).hidden_states
    assert torch.equal(problem.own, hidden[2][problem.batch.supervised])
    read = read_blocks(case.model, problem.batch, [1, 2])
    assert torch.equal(read[1], hidden[1]) and torch.equal(read[2], hidden[2])


def test_half_precision_is_solved_in_float32(llama: Pair) -> None:
    case = case_of(llama, torch.bfloat16)
    problem = case.problem(1, range(6))
    delta = solve(problem, Pullback())
    facts = means_of([describe(problem, delta)])
    assert delta.dtype == torch.float32
    assert problem.states.dtype == torch.bfloat16
    assert facts["divergence_after"] < 0.9 * facts["divergence_before"]
