"""The KL divergence to a teacher's likeliest tokens, compared with slow formulas."""

import itertools

import numpy as np
import pytest
import torch
from slow_references import coarse_kl, full_kl

from semalign.training.losses import keep_top, sparse_kl


def kl_of(teacher: torch.Tensor, student: torch.Tensor, k: int) -> torch.Tensor:
    kept = keep_top(teacher, torch.arange(teacher.shape[-1]), k)
    return sparse_kl(student, kept["ids"], kept["log_probs"], kept["log_tail"])


def test_sparse_kl_is_the_slow_formula_and_never_above_the_whole_one() -> None:
    torch.manual_seed(0)
    teacher, student = 2 * torch.randn(6, 20), 2 * torch.randn(6, 20)
    whole = full_kl(teacher, student)
    found = [kl_of(teacher, student, k).item() for k in range(1, 21)]
    expected = [coarse_kl(teacher, student, k) for k in range(1, 21)]
    assert found == pytest.approx(expected, abs=2e-6)
    assert found[-1] == pytest.approx(whole, abs=2e-6)
    assert found[2] < whole - 0.1  # the bound is strict here
    assert all(a <= b + 1e-6 for a, b in itertools.pairwise(found))  # finer outcomes, no lower divergence
    assert kl_of(teacher, student, 99).item() == found[-1]
    assert kl_of(teacher, teacher, 5).item() == pytest.approx(0, abs=1e-6)


def test_sparse_kl_has_the_gradient_of_the_formula() -> None:
    torch.manual_seed(1)
    teacher, student = torch.randn(3, 7), torch.randn(3, 7, requires_grad=True)
    kl_of(teacher, student, 3).backward()
    p, q = teacher.double().softmax(-1), student.detach().double().softmax(-1)
    # d KL / d z = q - p on the kept tokens and q (1 - p_rest / q_rest) on the rest, divided by the positions
    expected = torch.empty_like(q)
    for row in range(3):
        kept = p[row].topk(3).indices
        rest = torch.ones(7, dtype=torch.bool)
        rest[kept] = False
        expected[row] = q[row] - p[row]
        expected[row, rest] = q[row, rest] * (1 - p[row, rest].sum() / q[row, rest].sum())
    assert student.grad is not None
    torch.testing.assert_close(student.grad.double(), expected / 3, atol=1e-6, rtol=1e-5)


def test_what_a_student_puts_on_tokens_the_teacher_lacks_counts_against_it() -> None:
    torch.manual_seed(5)
    teacher, names = torch.randn(4, 5), torch.tensor([6, 1, 7, 2, 3])
    student = torch.randn(4, 8, requires_grad=True)
    kept = keep_top(teacher, names, 5)
    assert (kept["log_tail"] == -torch.inf).all()
    loss = sparse_kl(student, kept["ids"], kept["log_probs"], kept["log_tail"])
    loss.backward()
    p, q = teacher.double().softmax(-1), student.detach().double().softmax(-1)[:, names]
    assert loss.item() == pytest.approx((p * (p / q).log()).sum(-1).mean().item(), rel=1e-5)
    assert student.grad is not None
    assert (student.grad[:, [0, 4, 5]] > 0).all()  # a descent step lowers these logits


@pytest.mark.parametrize("k", [1, 2, 7, 8])
@pytest.mark.parametrize("size", [1e2, 1e4])
def test_sure_models_give_finite_losses_and_gradients(k: int, size: float) -> None:
    sure = torch.tensor([[size, *[0.0] * 7], [size, size, *[0.0] * 6], [0.0] * 8])
    other = sure.flip(-1)
    for teacher, student in ((sure, other), (sure, sure), (other, sure)):
        student = student.clone().requires_grad_()
        loss = kl_of(teacher, student, k)
        loss.backward()
        assert loss.isfinite()
        assert student.grad is not None
        assert student.grad.isfinite().all()
    assert kl_of(sure, sure, k).item() == pytest.approx(0, abs=1e-6)


def test_a_small_rest_keeps_its_size() -> None:
    logits = torch.zeros(1, 10)
    logits[0, 4] = 40.0  # the rest has a mass of 9e-40, far below float32's resolution near 1
    kept = keep_top(logits, torch.arange(100, 110), 1)
    assert kept["ids"].tolist() == [[104]]
    assert kept["ids"].dtype == torch.int32
    assert kept["log_tail"].item() == pytest.approx(np.log(9) - 40, rel=1e-6)
    student = torch.zeros(1, 10)
    assert kl_of(logits, student, 1).item() == pytest.approx(full_kl(logits, student), rel=1e-5)
