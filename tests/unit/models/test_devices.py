"""Device and precision of models, and that a batch in portions gives the same as the whole batch."""

from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_models import write_model

from semalign.benchmarks.base import read_split
from semalign.benchmarks.encoding import collate, encode
from semalign.config.methods import Lora
from semalign.config.models import FolderModel
from semalign.config.optimisation import Optimisation
from semalign.config.signals import Attribution
from semalign.methods.common.adapters import Training, Work, adapt, train_adapter
from semalign.methods.common.lora import answer_loss
from semalign.methods.experimental.residual_geometry import ResidualGeometry
from semalign.methods.flex_kd import FlexKd
from semalign.methods.semalign import SemAlign
from semalign.methods.sft import Sft
from semalign.models import devices
from semalign.models.loading import load_model, load_tokenizer
from semalign.models.states import read_states
from semalign.runtime.errors import UserError
from semalign.runtime.machine import accelerator_memory
from semalign.signals.attribution import score_layers
from semalign.signals.distillation.units import score_units


def encoded(folder: Path, benchmark: Path) -> Any:
    tokenizer = load_tokenizer(folder)
    return [encode(example, tokenizer) for example in read_split(benchmark, "train")]


def test_the_device_is_the_jobs_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv(devices.VARIABLE, raising=False)
    assert devices.device() == "cuda"
    monkeypatch.setenv(devices.VARIABLE, "cpu")
    assert devices.device() == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv(devices.VARIABLE, "cuda")
    with pytest.raises(UserError, match="this job has no GPU; expected one, or `device: auto`"):
        devices.device()
    monkeypatch.setenv(devices.VARIABLE, "tpu")
    with pytest.raises(UserError, match="SEMALIGN_DEVICE: found 'tpu', expected one of auto, cpu, cuda"):
        devices.device()


def test_a_models_folder_says_how_it_is_held(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", "llama", layers=2, width=16, seed=0)
    devices.write_loading(folder, FolderModel(source="folder", path="x"))
    assert not (folder / devices.FILE).exists() and load_model(folder).dtype == torch.float32
    devices.write_loading(folder, FolderModel(source="folder", path="x", dtype="bfloat16", device_map="auto"))
    assert devices.read_loading(folder) == devices.Loading("bfloat16", "auto")
    assert load_model(folder).dtype == torch.bfloat16
    assert load_model(folder, dtype=torch.float32).dtype == torch.float32
    assert devices.layout(devices.Loading(), "cuda") == {"": "cuda"}
    assert devices.layout(devices.read_loading(folder), "cuda") == "auto"
    assert devices.layout(devices.read_loading(folder), "cpu") is None


def test_a_model_in_parts_says_the_same(
    sealed_pair: tuple[Path, Path], pico_benchmark: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Accelerate's hooks move inputs and weights as between GPUs; here the weights of some layers are on disk."""
    teacher = sealed_pair[0]
    whole, texts = load_model(teacher), encoded(sealed_pair[0], pico_benchmark)
    from accelerate import disk_offload

    parted = load_model(teacher)
    disk_offload(parted, str(tmp_path / "offloaded"), execution_device=torch.device("cpu"))
    assert devices.devices_of(parted) == ["meta"]
    assert torch.device(parted.device).type in ("cpu", "meta")
    expected = read_states(whole, texts, [2, 3], "mlp", 4, 0)
    monkeypatch.setattr(type(parted), "device", torch.device("cpu"))
    found = read_states(parted, texts, [2, 3], "mlp", 4, 0)
    assert all(torch.equal(found[layer], expected[layer]) for layer in expected)


def test_bfloat16_goes_through_reading_and_training(
    pico_benchmark: Path, sealed_pair: tuple[Path, Path]
) -> None:
    texts = encoded(sealed_pair[0], pico_benchmark)
    model = load_model(sealed_pair[0], dtype=torch.bfloat16)
    assert all(
        states.dtype == torch.float32 for states in read_states(model, texts, [1], "block", 4, 0).values()
    )
    assert score_units(model, texts, 4, 0).dtype == torch.float64
    exact = score_layers(load_model(sealed_pair[0]), [collate(texts[:1], 0)], Attribution())
    close = score_layers(model, [collate(texts[:1], 0)], Attribution())
    assert torch.allclose(torch.tensor(close), torch.tensor(exact), rtol=0.3, atol=0.05)
    adapted = adapt(load_model(sealed_pair[1], dtype=torch.bfloat16), [1], Lora(rank=2, alpha=2), 0)
    kinds = {p.dtype for p in adapted.parameters() if p.requires_grad}
    assert kinds == {torch.float32}
    work = Work(adapted.base_model.model, encoded(sealed_pair[1], pico_benchmark), 0)
    training = Training(Optimisation(steps=20, batch_size=6, learning_rate=1e-2), 0)
    trained = train_adapter(work, answer_loss, training)
    assert trained.history[-1]["cross_entropy"] < trained.history[0]["cross_entropy"]


def train(student: Path, benchmark: Path, micro: int | None) -> tuple[Any, Any]:
    adapted = adapt(load_model(student, dtype=torch.float64), [1, 2], Lora(rank=2, alpha=2), 0)
    adapted.double()
    settings = Optimisation(steps=4, batch_size=5, learning_rate=1e-2, micro_batch=micro)
    work = Work(adapted.base_model.model, encoded(student, benchmark), 0)
    trained = train_adapter(work, answer_loss, Training(settings, 0))
    return trained.history, [p.detach().clone() for p in adapted.parameters() if p.requires_grad]


@pytest.mark.parametrize("micro", [1, 2, 4, 8])
def test_portions_of_a_batch_are_the_batch(
    micro: int, sealed_pair: tuple[Path, Path], pico_benchmark: Path
) -> None:
    expected, whole = train(sealed_pair[1], pico_benchmark, None)
    history, parts = train(sealed_pair[1], pico_benchmark, micro)
    for one, other in zip(history, expected, strict=True):
        assert one["cross_entropy"] == pytest.approx(other["cross_entropy"], rel=1e-5)
    assert all(torch.allclose(one, other, atol=1e-4) for one, other in zip(parts, whole, strict=True))
    start = train(sealed_pair[1], pico_benchmark, micro)[1]
    assert all(torch.equal(one, other) for one, other in zip(parts, start, strict=True))


@pytest.mark.parametrize("method", [ResidualGeometry, FlexKd])
def test_a_loss_over_a_whole_batch_takes_no_portions(method: Any) -> None:
    with pytest.raises(ValueError, match=r"optimisation\.micro_batch: found 2, expected null, since"):
        method(optimisation=Optimisation(micro_batch=2))
    assert method(layer_loss_weight=0, optimisation=Optimisation(micro_batch=2))
    assert SemAlign(optimisation=Optimisation(micro_batch=2)) and Sft(
        optimisation=Optimisation(micro_batch=2)
    )


@pytest.mark.gpu
def test_a_gpu_holds_and_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(devices.VARIABLE, raising=False)
    folder = write_model(tmp_path / "model", "llama", layers=2, width=32, seed=0)
    loaded = load_model(folder)
    assert {parameter.device.type for parameter in loaded.parameters()} == {"cuda"}
    ids = torch.tensor([[1, 7, 12, 2]])
    with torch.no_grad():
        found, expected = loaded(ids.to(loaded.device)).logits, load_model(folder, "cpu")(ids).logits
    assert found.device.type == "cuda" and expected.device.type == "cpu"
    assert torch.allclose(found.cpu(), expected, atol=1e-3)
    memory = accelerator_memory()["device_memory"]
    assert memory["peak_mb"] > 0
    assert memory["gpus"] == torch.cuda.device_count()
    monkeypatch.setenv(devices.VARIABLE, "cpu")
    assert devices.devices_of(load_model(folder)) == ["cpu"]
