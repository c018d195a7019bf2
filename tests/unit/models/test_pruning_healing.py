"""Healing: the divergence falls, an interrupted run gives the same bytes, and the right layers are matched."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from pruning_cases import batches, documents, pico

from semalign.config.pruning import Healing
from semalign.models.pruning.healing import Cut, Documents, heal, matched_layers, normed_distance, terms
from semalign.models.pruning.width import narrow
from semalign.training.checkpoint import Checkpoint

SETTINGS = Healing(
    tokens=600, learning_rate=3e-3, batch_tokens=40, top_k=8, hidden_layers=2, checkpoint_every=4
)


@pytest.fixture
def pair() -> tuple[Any, Any, torch.Tensor]:
    """A teacher, a student of half its width, and the directions that it keeps."""
    teacher = pico()
    student, directions = narrow(teacher, batches(), 12)
    return teacher, student, directions


def run(pair: tuple[Any, Any, torch.Tensor], checkpoint: Path, identity: str = "") -> list[dict[str, float]]:
    teacher, student, directions = pair
    pruned = Cut(student, [0, 1, 2, 3], [], directions)
    saved = Checkpoint(checkpoint, SETTINGS.checkpoint_every, identity)
    return heal(pruned, teacher, Documents(documents(), 0, 0), SETTINGS, "heal", saved)


def divergence(teacher: Any, student: Any, directions: torch.Tensor) -> float:
    with torch.no_grad():
        found = [
            terms(student, teacher, batch, [(4, 4)], directions.float(), SETTINGS) for batch in batches()
        ]
    return sum(each["kl"].item() for each in found)


def test_healing_lowers_the_divergence(pair: tuple[Any, Any, torch.Tensor], tmp_path: Path) -> None:
    teacher, student, directions = pair
    before = divergence(teacher, student, directions)
    history = run(pair, tmp_path / "checkpoint")
    assert divergence(teacher, student, directions) < 0.8 * before
    assert set(history[-1]) == {"step", "learning_rate", "kl", "hidden"}


def test_an_interrupted_healing_ends_in_the_same_bytes(
    make_pair: Callable[[], tuple[Any, Any, torch.Tensor]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = make_pair()
    run(undisturbed, tmp_path / "first")
    calls = 0

    def stop(*arguments: Any) -> dict[str, torch.Tensor]:
        nonlocal calls
        calls += 1
        if calls > 6:
            raise KeyboardInterrupt
        return terms(*arguments)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("semalign.models.pruning.healing.terms", stop)
        run(make_pair(), tmp_path / "second")
    resumed = make_pair()
    history = run(resumed, tmp_path / "second")
    assert [row["step"] for row in history][:1] == [1]
    for name, tensor in undisturbed[1].state_dict().items():
        assert torch.equal(tensor, resumed[1].state_dict()[name]), name


@pytest.fixture
def make_pair() -> Callable[[], tuple[Any, Any, torch.Tensor]]:
    """Make the same pair on every call."""

    def make() -> tuple[Any, Any, torch.Tensor]:
        teacher = pico()
        return teacher, *narrow(teacher, batches(), 12)

    return make


def test_a_student_like_its_teacher_has_nothing_to_learn() -> None:
    teacher = pico()
    found = terms(teacher, teacher, batches()[0], [(4, 4)], None, SETTINGS)
    assert abs(found["kl"].item()) < 1e-5
    assert found["hidden"].item() == 0


def test_layers_are_matched_with_what_the_next_kept_one_read() -> None:
    assert matched_layers([0, 1, 4, 5], 8, 2) == [(2, 4), (4, 8)]
    assert matched_layers([0, 2, 3], 4, 9) == [(1, 2), (2, 3), (3, 4)]


def test_the_size_of_a_state_does_not_count() -> None:
    states = torch.tensor([[1.0, 2.0], [3.0, -1.0]])
    assert normed_distance(states, 1000 * states).item() == pytest.approx(0, abs=1e-5)
    # two rows at a right angle: 2 - 2 cos = 2
    assert normed_distance(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 5.0]])).item() == pytest.approx(
        2, rel=1e-4
    )
