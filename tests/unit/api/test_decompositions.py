"""Bases, coefficients and maps of the Python interface, against the plain formulas."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from fabricated_models import ARCHITECTURES

import semalign
from semalign.models.loading import read_head
from semalign.models.trained_head import head_of
from semalign.signals.semantics.maps import apply_map

SHAPE = {"layers": 2, "width": 32, "seed": 3}
Models = Callable[..., Path]


def states(width: int, positions: int = 3) -> torch.Tensor:
    return torch.randn(positions, width, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("kind", ARCHITECTURES)
@pytest.mark.parametrize("tied", [False, True])
def test_the_head_of_a_loaded_model_is_that_of_its_folder(models: Models, kind: str, tied: bool) -> None:
    folder = models(kind, **SHAPE, tied=tied)
    own, stored = head_of(semalign.load(folder).model), read_head(folder)
    for name in ("weight", "input_embedding", "norm_gain"):
        assert torch.equal(getattr(own, name), getattr(stored, name)), name
    assert (own.input_embedding is own.weight) == tied == (stored.input_embedding is stored.weight)


def test_output_bases_are_unit_columns_of_the_pseudoinverse() -> None:
    head = torch.randn(40, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    vectors = semalign.bases(head).vectors()
    columns = torch.linalg.pinv(head).T
    torch.testing.assert_close(vectors, columns / columns.norm(dim=1, keepdim=True))
    raw = semalign.bases(head, unit=False, tokens=torch.tensor([7, 2])).vectors()
    torch.testing.assert_close(raw, columns[[7, 2]])


def test_a_decomposition_is_of_cosines_largest_first() -> None:
    own = semalign.bases(torch.randn(700, 8, generator=torch.Generator().manual_seed(2)))
    hidden = states(8)
    cosines = torch.nn.functional.cosine_similarity(hidden.double()[:, None], own.vectors()[None], dim=-1)
    whole, few = semalign.decompose(hidden, own), semalign.decompose(hidden, own, top=5)
    order = cosines.abs().argsort(dim=1, descending=True)
    assert torch.equal(whole.tokens, order) and torch.equal(few.tokens, order[:, :5])
    torch.testing.assert_close(whole.coefficients, cosines.gather(1, order))
    torch.testing.assert_close(few.coefficients, whole.coefficients[:, :5])
    one = semalign.decompose(hidden[0], own, top=1)
    assert one.tokens.tolist() == [[int(order[0, 0])]]


@pytest.mark.parametrize("kind", ["output", "input", "random"])
def test_decomposing_and_recomposing_is_the_map(pico_pair: tuple[Path, Path], kind: str) -> None:
    name = {"output": "pinv", "input": "input-side", "random": "random"}[kind]
    teacher, student = (semalign.load(folder) for folder in pico_pair)
    shared = semalign.shared_tokens(teacher, student, name)
    seeds = (2, 3) if kind == "random" else (0, 0)  # those that the random map draws with seed 1
    sides = [
        semalign.bases(side, kind, tokens=ids, seed=seed)
        for side, ids, seed in zip((teacher, student), shared, seeds, strict=True)
    ]
    matrix = semalign.teacher_to_student_map(teacher, student, name, seed=1 if kind == "random" else 0)
    hidden = states(48)
    recomposed = semalign.recompose(semalign.decompose(hidden, sides[0]), sides[1])
    torch.testing.assert_close(recomposed, apply_map(matrix, hidden), rtol=1e-10, atol=1e-10)
    kept = semalign.recompose(semalign.decompose(hidden, sides[0], top=4), sides[1])
    a = torch.nn.functional.normalize(hidden.double(), dim=-1) @ sides[0].vectors().T
    a = torch.where(a.abs() >= a.abs().topk(4, dim=1).values[:, -1:], a, 0)
    torch.testing.assert_close(kept, a @ sides[1].vectors(), rtol=1e-10, atol=1e-10)


def test_words_are_the_tokens_with_their_coefficients(pico_pair: tuple[Path, Path]) -> None:
    model, tokenizer = semalign.load(pico_pair[0])
    own = semalign.bases((model, tokenizer))
    letter = tokenizer("Q", add_special_tokens=False)["input_ids"][0]
    at = own.tokens.tolist().index(letter)
    (words,) = semalign.decompose(own.vectors()[at], own, top=2).words(tokenizer)
    assert words[0] == ("Q", pytest.approx(1.0)) and words[1][1] < 1


def test_a_fitted_map_is_fitted_to_states(pico_pair: tuple[Path, Path]) -> None:
    sides = states(48, 60), states(32, 60)
    matrix = semalign.teacher_to_student_map(*pico_pair, "least-squares", states=sides)
    from semalign.signals.semantics.maps import fit_map

    assert torch.equal(matrix, fit_map("least-squares", *sides)) and matrix.shape == (32, 48)
