"""Truncated or changed checkpoints are ignored, and the training still ends with the same bytes."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from semalign.config.optimisation import Optimisation
from semalign.training.checkpoint import Checkpoint
from semalign.training.loop import Budget, Record, train

SETTINGS = Optimisation(learning_rate=0.05, epochs=1, batch_size=4)


def run(checkpoint: Path | None, last: int | None = None) -> tuple[list[Record], torch.Tensor]:
    """Run twenty steps of a small problem, interrupted before step `last`; return history and result."""
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(5))

    def batches(step: int) -> int:
        if step == last:
            raise KeyboardInterrupt
        return step

    def loss(step: int) -> dict[str, torch.Tensor]:
        return {"fit": ((weight - step) ** 2).mean()}

    saved = Checkpoint(checkpoint, every=5) if checkpoint else None
    history = train({"w": weight}, batches, loss, Budget(20, SETTINGS), checkpoint=saved)
    return history, weight.detach()


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 4
    path.write_bytes(content)


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", [flip, halve, Path.unlink])
@pytest.mark.parametrize("name", ["state.safetensors", "state.json"])
def test_a_damaged_checkpoint_is_not_resumed(
    damage: Callable[[Path], None], name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected, weight = run(None)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "c", last=12)
    damage(tmp_path / "c" / name)
    with caplog.at_level(logging.INFO, "semalign"):
        history, found = run(tmp_path / "c")
    assert f"{tmp_path / 'c'} is damaged, starting from step 0" in caplog.text
    assert history == expected
    assert torch.equal(found, weight)


def test_a_whole_checkpoint_is_resumed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    expected, weight = run(None)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "c", last=12)
    with caplog.at_level(logging.INFO, "semalign"):
        history, found = run(tmp_path / "c")
    assert "resumed at step 10/20" in caplog.text
    assert history == expected
    assert torch.equal(found, weight)
