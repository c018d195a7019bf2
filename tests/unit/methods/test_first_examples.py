"""`optimisation.examples`: training on the first examples of a split, with signals stored for all examples."""

from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_pairs import Pair
from fabricated_signals import train_split
from pydantic import TypeAdapter
from safetensors.torch import save_file

from semalign.benchmarks.base import read_split, write_split
from semalign.config.base import SPLITS
from semalign.methods.registry import METHODS
from semalign.runtime.errors import UserError
from semalign.runtime.provenance import Run
from semalign.signals.stored import Stored
from semalign.study.kinds import Method

ADAPTER = "adapter_model.safetensors"
# the student that an oracle reads was trained on the whole split, so an oracle knows more than its first examples
TRAINED = [name for name in METHODS if name not in ("student", "teacher", "laten", "oracle")]
# with these sizes, forward passes have the same batches for four examples as for six, so bytes can be compared
ALIKE = {f"{stage}.batch_size": 2 for stage in ("activations", "logits", "units", "states", "pullback")}
OWN = 2  # likewise for the student's own states


def tiny(method: str, examples: int | None) -> Any:
    optimisation = {"epochs": 2, "batch_size": 2, "learning_rate": 1e-2, "examples": examples}
    settings = {"method": method, "lora": {"rank": 2}, "optimisation": optimisation}
    return TypeAdapter(Method).validate_python(settings)


@pytest.fixture(scope="module")
def whole_and_cut(pico_benchmark: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Pair, Pair]:
    """One pair on a benchmark with six train examples, and on one with only the first four."""
    root = tmp_path_factory.mktemp("cut")
    cut = root / "benchmark" / "sums"
    cut.mkdir(parents=True)
    for split in SPLITS:
        write_split(cut, split, read_split(pico_benchmark, split)[: 4 if split == "train" else None])
    Run("benchmark").seal(cut)
    return Pair(root / "whole", "llama", pico_benchmark), Pair(root / "cut", "llama", cut)


@pytest.mark.slow
@pytest.mark.parametrize("method", TRAINED)
def test_fewer_examples_are_training_on_a_truncated_benchmark(
    method: str, whole_and_cut: tuple[Pair, Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semalign.methods.experimental.anchored.training.BATCH", OWN)
    monkeypatch.setattr("semalign.methods.displaced.training.BATCH", OWN)
    whole, cut = whole_and_cut
    names = ("history.jsonl", ADAPTER)
    found = whole.transfer(tiny(method, 4), tmp_path / "first", demands=ALIKE)
    expected = cut.transfer(tiny(method, None), tmp_path / "cut", demands=ALIKE)
    every = whole.transfer(tiny(method, None), tmp_path / "all", demands=ALIKE)
    assert all((found / name).read_bytes() == (expected / name).read_bytes() for name in names)
    assert (found / ADAPTER).read_bytes() != (every / ADAPTER).read_bytes()


@pytest.mark.parametrize("method", ["semalign", "sft"])
def test_all_examples_by_their_number_are_all(method: str, llama: Pair, tmp_path: Path) -> None:
    first, second = (
        (llama.transfer(tiny(method, count), tmp_path / str(count)) / ADAPTER).read_bytes()
        for count in (None, 6)
    )
    assert first == second


def test_more_than_there_are_is_refused(llama: Pair, tmp_path: Path) -> None:
    line = r"optimisation\.examples: found 7, expected at most the 6 examples of the train split of sums"
    with pytest.raises(UserError, match=line):
        llama.transfer(tiny("sft", 7), tmp_path / "transfer")
    assert not (tmp_path / "transfer").exists()


def test_stored_rows_go_as_far_as_the_examples(llama: Pair, tmp_path: Path) -> None:
    encoded = train_split(llama.student, llama.benchmark)
    counts = [len(item.input_ids) - item.answer_start for item in encoded]
    offsets = torch.tensor([0, *counts]).cumsum(0)
    total = int(offsets[-1])
    tensors = {"rows": torch.arange(total), "wide": torch.randn(total, 2), "other": torch.zeros(total + 1)}
    path = tmp_path / "x.safetensors"
    save_file({**tensors, "offsets": offsets}, path)
    for count in range(1, 7):
        stored = Stored(path, encoded[:count])
        assert {name: len(rows) for name, rows in stored.tensors.items()} == dict.fromkeys(
            ("rows", "wide"), int(offsets[count])
        )
        assert stored.of("rows", [count - 1]).tolist() == list(range(offsets[count - 1], offsets[count]))
    with pytest.raises(UserError, match=r"holds .* of 6 examples, expected .* of 7"):
        Stored(path, [*encoded, encoded[0]])
    longer = train_split(llama.student, llama.benchmark)[0]
    longer = type(longer)([*longer.input_ids, 5], longer.answer_start)
    with pytest.raises(UserError, match="tokenise alike"):
        Stored(path, [longer])
