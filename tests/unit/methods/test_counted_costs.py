"""What a transfer costs in operations: estimates against full counts, equal results, signals and searches added up."""

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fabricated_signals import laten_settings, locate_in, run_transfer

from semalign.config.methods import Lora
from semalign.config.optimisation import Optimisation
from semalign.methods.common.costs import signal_costs
from semalign.methods.distill_logits import DistillLogits
from semalign.methods.flex_kd import FlexKd
from semalign.methods.semalign import SemAlign
from semalign.methods.sft import Sft
from semalign.runtime.files import read_json, write_json, write_text
from semalign.runtime.provenance import Run
from semalign.signals.extraction.stage import extract_windows
from semalign.signals.stage import attribute_layers
from semalign.training import operations

SCRIPTS = Path(__file__).parents[3] / "scripts"
SHORT = {"lora": Lora(rank=4), "optimisation": Optimisation(epochs=20, batch_size=4, learning_rate=0.01)}
PORTIONS = {"lora": Lora(rank=4), "optimisation": Optimisation(epochs=20, batch_size=4, micro_batch=3)}
SETTINGS: dict[str, Any] = {
    "sft": Sft(layers="all", **SHORT),
    "sft, one layer": Sft(**SHORT),
    "sft, portions": Sft(**PORTIONS),
    "semalign": SemAlign(**SHORT),
    "semalign, layer loss": SemAlign(label_loss="none", **SHORT),
    "semalign, in turn": SemAlign(order="shallow-to-deep", **SHORT),
    "distill-logits": DistillLogits(**SHORT),
    "flex-kd": FlexKd(**SHORT),
}


def flops(folder: Path) -> int:
    return int(read_json(folder / "run.json")["cost"]["train_flops"])


@pytest.mark.parametrize("name", SETTINGS)
def test_estimated_operations_are_those_of_all_updates(
    name: str, transfer: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    estimated = transfer(SETTINGS[name], name="estimated")
    monkeypatch.setattr(operations, "EVERY", 1)
    counted = transfer(SETTINGS[name], name="counted")
    assert flops(counted) > 0
    assert flops(estimated) == pytest.approx(flops(counted), rel=1e-6)
    assert digest(estimated) == digest(counted)


def test_laten_is_within_two_percent(
    sealed_pair: tuple[Path, Path],
    pico_benchmark: Path,
    located: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(name: str) -> Path:
        settings = laten_settings(steps=20)
        return run_transfer(sealed_pair, pico_benchmark, {"location": located}, settings, tmp_path / name)

    estimated = run("estimated")
    monkeypatch.setattr(operations, "EVERY", 1)
    counted = run("counted")
    assert flops(counted) > 0
    assert flops(estimated) == pytest.approx(flops(counted), rel=0.02)
    assert digest(estimated) == digest(counted)


def digest(folder: Path) -> str:
    return str(read_json(folder / "run.json")["digest"])


@pytest.mark.parametrize("name", ["sft", "semalign, layer loss"])
def test_counting_changes_no_byte_of_a_result(
    name: str, transfer: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = transfer(SETTINGS[name], name="counted")
    monkeypatch.setattr("semalign.runtime.products.Products.__enter__", lambda self: self)
    monkeypatch.setattr("semalign.runtime.products.Products.__exit__", lambda *_: None)
    plain = transfer(SETTINGS[name], name="plain")
    assert flops(plain) == 0 < flops(counted)
    assert digest(plain) == digest(counted)


def test_a_second_run_has_the_same_operations(transfer: Callable[..., Path]) -> None:
    first, second = (transfer(SETTINGS["semalign"], name=name) for name in ("first", "second"))
    assert flops(first) == flops(second)


def test_training_one_layer_without_the_head_costs_less(transfer: Callable[..., Path]) -> None:
    steered, tuned = (
        transfer(SETTINGS[name], name=name) for name in ("semalign, layer loss", "sft, one layer")
    )
    assert flops(steered) < 0.5 * flops(tuned)


def test_all_signal_stages_count_their_operations(signals: dict[str, Path]) -> None:
    pattern = re.compile(r'run_stage\("(semalign\.signals\.[\w.]+):(\w+)"')
    found = [match for path in sorted(SCRIPTS.glob("*.py")) if (match := pattern.search(path.read_text()))]
    assert len(found) >= 11
    for match in found:
        stage = getattr(importlib.import_module(match[1]), match[2])
        assert hasattr(stage, "__wrapped__"), f"{match[2]}: expected the decorator `counted`"
    records = {name: read_json(folder / "run.json")["flops"] for name, folder in signals.items()}
    assert records["pairing"] == 0  # compares depths
    assert all(count > 0 for name, count in records.items() if name != "pairing")


def test_few_examples_give_the_operations_of_all(
    sealed_pair: tuple[Path, Path], pico_benchmark: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(name: str) -> list[int]:
        root = tmp_path / name
        write_json(root / "settings.json", {})
        located = locate_in(sealed_pair, pico_benchmark, root)
        attribute_layers(sealed_pair[0], pico_benchmark, root / "settings.json", root / "attribution")
        extract_windows(*sealed_pair, pico_benchmark, root / "settings.json", root / "extraction")
        folders = (located, root / "attribution", root / "extraction")
        return [read_json(folder / "run.json")["flops"] for folder in folders]

    few = run("few")
    monkeypatch.setattr(operations, "EVERY", 1)
    assert few == pytest.approx(run("all"), rel=1e-6)
    assert min(few) > 0


def test_a_trained_student_that_a_signal_reads_is_part_of_its_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    signals, cell = Path("results/s/signals/p/facts"), Path("results/s/oracle/transfer")
    flops = {"logits": 100, "pairing": 10, "transfer": 1000, "oracle": 1}
    inputs: dict[str, list[Path]] = {"transfer": [signals / "logits/default"]}
    inputs["oracle"] = [signals / "pairing/default", cell]
    for stage, own in flops.items():
        folder = cell if stage == "transfer" else signals / stage / "default"
        write_text(folder / "data.bin", "x" * 1_000_000)
        run = Run(stage)
        for path in inputs.get(stage, []):
            run.read("transfer" if path == cell else path.parent.name, path)
        cost = {"search_seconds": 50.0, "search_flops": 5000}
        run.seal(folder, {"flops": own, **({"cost": cost} if stage == "transfer" else {})})
    found = signal_costs([signals / "oracle/default"])
    assert found["signal_flops"] == sum(flops.values()) + 5000
    assert found["signal_seconds"] >= 50.0
    assert found["signal_mb"] == 3.0  # what the stages stored, not the adapter


def test_a_stage_that_did_not_count_leaves_the_sum_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("results/s/signals/p/facts/logits/default")
    write_text(folder / "data.bin", "x")
    Run("logits").seal(folder)
    assert signal_costs([folder])["signal_flops"] is None
