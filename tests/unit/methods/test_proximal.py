"""The solver of proximal targets, compared with slow formulas in float64."""

import itertools
import math
from typing import Any

import torch

from semalign.methods.experimental.anchored.training import Anchor, total_variance
from semalign.methods.experimental.prox import Prox
from semalign.methods.experimental.prox.solver import Solver
from semalign.methods.experimental.prox.targets import make_solver, solve_layer
from semalign.models.readout import Readout


class Fabricated:
    """A solver and its inputs, small enough for loops in float64."""

    width, vocabulary, positions = 6, 9, 4

    def __init__(self, **changes: Any) -> None:
        torch.manual_seed(0)
        self.norm = torch.nn.RMSNorm(self.width, eps=1e-6)
        with torch.no_grad():
            self.norm.weight.copy_(1 + 0.3 * torch.randn(self.width))
        self.norm.requires_grad_(False)
        self.head = torch.randn(self.vocabulary, self.width)
        self.own = 2 * torch.randn(self.positions, self.width)
        self.tokens = torch.tensor([5, 0, 7, 2, 8])
        self.log_probs = (2 * torch.randn(self.positions, len(self.tokens))).log_softmax(-1)
        settings: dict[str, Any] = {"weight": 0.05, "steps": 40, "step": 0.1, **changes}
        self.solver = Solver(Readout(self.norm, self.head, None), self.tokens, **settings)

    def slow(self, states: torch.Tensor, row: int) -> torch.Tensor:
        """The objective of one position, computed one token at a time in float64."""
        h, own, head = states.double(), self.own[row].double(), self.head.double()
        normed = h / (h.square().mean() + 1e-6).sqrt() * self.norm.weight.double()
        logits = torch.stack([head[i] @ normed for i in range(self.vocabulary)])
        total = logits.exp().sum().log()
        p = self.log_probs[row].double().exp()
        kl = sum(a * (a.log() - (logits[i] - total)) for a, i in zip(p, self.tokens.tolist(), strict=True))
        return kl + self.solver.weight * sum((a - b) ** 2 for a, b in zip(h, own, strict=True))

    def slow_adam(self, row: int) -> torch.Tensor:
        """The best state on Adam's path, with Adam written out in float64."""
        h = self.own[row].double()
        first, second = torch.zeros_like(h), torch.zeros_like(h)
        best, lowest = h, math.inf
        for t in range(1, self.solver.steps + 2):
            at = h.clone().requires_grad_()
            value = self.slow(at, row)
            if value.item() < lowest:
                best, lowest = h, value.item()
            (gradient,) = torch.autograd.grad(value, at)
            first = 0.9 * first + 0.1 * gradient
            second = 0.999 * second + 0.001 * gradient**2
            scaled = first / (1 - 0.9**t) / ((second / (1 - 0.999**t)).sqrt() + 1e-8)
            h = h - self.solver.step * scaled
        return best


def test_the_objective_is_the_slow_formula() -> None:
    made = Fabricated()
    states = made.own + 0.5 * torch.randn_like(made.own)
    found = made.solver.objective(states, made.own, made.log_probs)
    expected = torch.stack([made.slow(states[row], row) for row in range(made.positions)])
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-5)


def test_the_solver_is_adam_on_the_state_alone() -> None:
    made = Fabricated()
    found = made.solver.solve(made.own, made.log_probs)
    expected = torch.stack([made.slow_adam(row) for row in range(made.positions)])
    torch.testing.assert_close(found.double(), expected, atol=2e-3, rtol=1e-3)
    assert made.head.grad is None


def test_the_solver_lowers_every_position_s_objective_and_more_steps_more() -> None:
    values = []
    for steps in (1, 5, 40, 400):
        made = Fabricated(steps=steps)
        found = made.solver.solve(made.own, made.log_probs)
        values.append(made.solver.objective(found, made.own, made.log_probs))
    start = made.solver.objective(made.own, made.own, made.log_probs)
    assert (values[0] < start).all()
    assert all((b <= a + 1e-6).all() for a, b in itertools.pairwise(values))
    assert (values[2] < 0.8 * start).all()


def test_a_step_that_is_far_too_long_never_ends_worse_than_it_began() -> None:
    made = Fabricated(step=100.0)
    found = made.solver.solve(made.own, made.log_probs)
    before, after = (made.solver.objective(at, made.own, made.log_probs) for at in (made.own, found))
    assert (after <= before).all()


def test_an_endless_weight_keeps_the_state_and_none_lets_it_go() -> None:
    moved, told = [], []
    for weight in (0.0, 0.05, 1.0, 1e3, 1e9):
        made = Fabricated(weight=weight, steps=200, step=0.02)
        found = made.solver.solve(made.own, made.log_probs)
        moved.append((found - made.own).norm().item())
        told.append(made.solver.divergence(found, made.log_probs).mean().item())
    assert moved == sorted(moved, reverse=True)
    assert moved[0] > 1
    assert moved[-1] < 1e-6
    assert told == sorted(told)


def test_positions_do_not_touch_each_other() -> None:
    made = Fabricated()
    whole = made.solver.solve(made.own, made.log_probs)
    alone = [made.solver.solve(made.own[[i]], made.log_probs[[i]]) for i in range(made.positions)]
    torch.testing.assert_close(whole, torch.cat(alone), atol=1e-4, rtol=1e-4)


def test_a_state_that_already_says_it_is_its_own_target() -> None:
    made = Fabricated()
    logits = made.solver.student.of_block(made.own)
    solver = Solver(made.solver.student, torch.arange(made.vocabulary), 0.05, 40, 0.1)
    found = solver.solve(made.own, logits.log_softmax(-1))
    torch.testing.assert_close(found, made.own, atol=2e-3, rtol=0)


def test_settings_are_in_the_units_of_the_states() -> None:
    """If the states and the head that reads them are in another unit, the targets are the same in that unit."""
    targets = []
    for unit in (1.0, 50.0):
        made = Fabricated()
        own = Anchor(unit * made.own, total_variance(unit * made.own))
        solver = make_solver(Prox(proximity=0.3), made.solver.student, made.tokens, own)
        teacher = Readout(torch.nn.Identity(), torch.eye(len(made.tokens)), None)
        targets.append(solve_layer(1, own, made.log_probs, teacher, solver).targets / unit)
    assert (targets[0] - made.own).abs().max() > 0.05
    torch.testing.assert_close(targets[0], targets[1], atol=1e-3, rtol=1e-3)
