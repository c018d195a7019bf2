"""Seeking and PiSSA through their interface, and training from given factors."""

import os
import signal
from pathlib import Path

import pytest
import torch
from fabricated_models import ARCHITECTURES
from fabricated_signals import run_transfer
from safetensors.torch import load_file

from semalign.benchmarks.base import read_split
from semalign.benchmarks.encoding import collate, encode
from semalign.config.methods import Lora
from semalign.config.optimisation import Optimisation
from semalign.config.signals import Extraction
from semalign.methods.common import lora as lora_module
from semalign.methods.common.adapters import adapt, save_adapter
from semalign.methods.pissa import Pissa
from semalign.methods.seeking import Seeking
from semalign.models.anatomy import adapted_modules
from semalign.models.loading import load_model, load_tokenizer
from semalign.models.readout import answer_logits
from semalign.models.transfers import load_student, write_transfer
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, read_jsonl, write_json
from semalign.runtime.provenance import Run, check
from semalign.signals.extraction.factors import read_factors
from semalign.signals.extraction.stage import extract_windows
from semalign.training.low_rank import Factors, begin_at, fold_start, principal_factors, split_evenly

FAST = Optimisation(learning_rate=3e-3, epochs=3, batch_size=4)
LARGE = {"layers": 3, "width": 32, "seed": 1}
SMALL = {"layers": 2, "width": 16, "seed": 2}
PROJECTIONS = ["q", "k", "v", "o", "gate", "up", "down"]
OWN = dict.fromkeys(ARCHITECTURES, PROJECTIONS) | {"neox": ["o", "up", "down"]}


@pytest.fixture
def pair(models):
    return models("llama", **LARGE), models("llama", **SMALL)


@pytest.fixture
def signals(tmp_path: Path, pico_benchmark: Path):
    """Make a method's signals: factors as its settings demand, and a pairing of layer 2."""

    def make(teacher: Path, student: Path, settings) -> dict[str, Path]:
        folders = {stage: tmp_path / "signals" / stage for stage in settings.needs}
        if "extraction" in folders:
            keys = {key.removeprefix("extraction."): value for key, value in settings.demands.items()}
            write_json(tmp_path / "extraction.json", Extraction(**keys).model_dump())
            extract_windows(
                teacher, student, pico_benchmark, tmp_path / "extraction.json", folders["extraction"]
            )
        if "pairing" in folders:
            folders["pairing"].mkdir(parents=True)
            found = {"pairs": [{"student": 2, "below": 2, "above": 3, "weight": 0.5}], "teacher_passes": 7}
            write_json(folders["pairing"] / "pairing.json", found)
            Run("pairing").seal(folders["pairing"])
        return folders

    return make


@pytest.fixture
def transfer(signals, pico_benchmark: Path, tmp_path: Path):
    """Make the signals and run one method; return its transfer folder."""

    def run(teacher: Path, student: Path, settings, name: str = "transfer") -> Path:
        needed = signals(teacher, student, settings)
        return run_transfer((teacher, student), pico_benchmark, needed, settings, tmp_path / name)

    return run


def first_batch(student: Path, benchmark: Path):
    tokenizer = load_tokenizer(student)
    return collate([encode(example, tokenizer) for example in read_split(benchmark, "train")], 0)


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_the_first_logits_are_the_students(models, signals, pico_benchmark: Path, kind: str) -> None:
    teacher, student = models(kind, **LARGE), models(kind, **SMALL)
    settings = Seeking(lora=Lora(rank=4, alpha=6, projections=OWN[kind]))
    factors = read_factors(signals(teacher, student, settings)["extraction"])
    model, batch = load_model(student), first_batch(student, pico_benchmark)
    expected = answer_logits(model, batch)
    weight = model.get_submodule(next(iter(factors))).weight.clone()
    adapted = adapt(model, [1, 2], settings.lora, seed=0)
    begin_at(adapted, factors)
    found = answer_logits(adapted.base_model.model, batch)
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=0.0)
    module = adapted.base_model.model.get_submodule(next(iter(factors)))
    assert not torch.allclose(module.get_base_layer().weight, weight, atol=1e-2)  # only the sum is the same


def test_the_stored_adapter_gives_the_deployed_weights_on_the_untouched_student(pair, transfer) -> None:
    teacher, student = pair
    settings = Seeking(lora=Lora(rank=4, alpha=6, projections=PROJECTIONS), optimisation=FAST)
    folder = transfer(teacher, student, settings)
    config, stored = (
        read_json(folder / "adapter_config.json"),
        load_file(folder / "adapter_model.safetensors"),
    )
    assert (config["r"], config["lora_alpha"], config["base_model_name_or_path"]) == (8, 12, student.name)
    start = read_factors(folder.parent / "signals" / "extraction")
    before, merged = load_model(student), load_student(student, teacher, folder)
    moved = set()
    for name, (b0, a0) in start.items():
        a, b = (stored[f"base_model.model.{name}.lora_{part}.weight"] for part in "AB")
        assert torch.equal(a[:4], a0)
        assert torch.equal(b[:, :4], -b0)
        assert not torch.equal(a[4:], a0)
        old = before.get_submodule(name).weight.double()
        deployed = old + 1.5 * (b[:, 4:].double() @ a[4:].double() - b0.double() @ a0.double())
        torch.testing.assert_close(merged.get_submodule(name).weight.double(), deployed, atol=1e-6, rtol=1e-6)
        moved.add(f"{name}.weight")
    for name, parameter in before.named_parameters():
        assert torch.equal(parameter, merged.get_parameter(name)) == (name not in moved)


def test_plain_peft_loads_it(pair, transfer, pico_benchmark: Path) -> None:
    from peft import PeftModel

    teacher, student = pair
    folder = transfer(teacher, student, Seeking(lora=Lora(rank=4), optimisation=FAST))
    adapted = PeftModel.from_pretrained(load_model(student), str(folder)).eval()
    merged, batch = load_student(student, teacher, folder), first_batch(student, pico_benchmark)
    expected = answer_logits(merged, batch)
    torch.testing.assert_close(answer_logits(adapted.base_model.model, batch), expected, atol=2e-5, rtol=0.0)
    assert (expected - answer_logits(load_model(student), batch)).abs().max() > 0.1  # training had an effect


def test_folding_keeps_the_trained_models_logits(pair, pico_benchmark: Path, tmp_path: Path) -> None:
    _, student = pair
    model, batch = load_model(student), first_batch(student, pico_benchmark)
    settings = Lora(rank=4, alpha=6, projections=["up", "v", "embedding", "head"])
    names = adapted_modules(model, [1, 2], settings.projections)
    weights = {name: model.get_submodule(name).weight for name in names}
    start = {n: principal_factors(w.T if "embed" in n else w, 4) for n, w in weights.items()}
    adapted = adapt(model, [1, 2], settings, seed=0)
    begin_at(adapted, start)
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in filter(lambda parameter: parameter.requires_grad, adapted.parameters()):
            parameter += 0.05 * torch.randn(parameter.shape, generator=noise)  # in place of training
    trained = answer_logits(adapted.base_model.model, batch).detach()
    fold_start(adapted, start)
    save_adapter(adapted, tmp_path, "student")
    write_transfer(tmp_path, "adapter")
    found = answer_logits(load_student(student, student, tmp_path), batch)
    torch.testing.assert_close(found, trained, atol=2e-5, rtol=0.0)


def test_seeking_lowers_the_loss_and_reports_what_it_trained(pair, transfer) -> None:
    folder = transfer(*pair, Seeking(lora=Lora(rank=4), optimisation=FAST))
    history, cost = read_jsonl(folder / "history.jsonl"), check(folder)["cost"]
    assert history[-1]["cross_entropy"] < history[0]["cross_entropy"]
    # v [8, 16], o [16, 16], up [32, 16], down [16, 32] of two layers; trained at rank 4, not 8
    assert cost["trainable_parameters"] == 2 * 4 * (24 + 32 + 48 + 48)
    extraction = read_json(folder.parent / "signals" / "extraction" / "extraction.json")
    assert cost["teacher_passes"] == extraction["teacher_passes"] > 0


def test_paired_layers_alone_are_adapted_when_asked(pair, transfer) -> None:
    teacher, student = pair
    folder = transfer(teacher, student, Seeking(layers="paired", lora=Lora(rank=4), optimisation=FAST))
    before = dict(load_model(student).named_parameters())
    after = dict(load_student(student, teacher, folder).named_parameters())
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {
        f"{name}.weight" for name in adapted_modules(load_model(student), [2], Lora().projections)
    }
    extraction = read_json(folder.parent / "signals" / "extraction" / "extraction.json")
    assert check(folder)["cost"]["teacher_passes"] == extraction["teacher_passes"] + 7


def test_a_teacher_that_is_the_student_makes_seeking_pissa(models, transfer) -> None:
    student = models("llama", **SMALL)
    lora = Lora(rank=4, projections=PROJECTIONS)
    seeking = transfer(student, student, Seeking(lora=lora, optimisation=FAST), "seeking")
    pissa = transfer(student, student, Pissa(lora=lora, optimisation=FAST), "pissa")
    extraction = seeking.parent / "signals" / "extraction"
    found = read_json(extraction / "extraction.json")
    assert found["layers"] == [1, 2]
    model = load_model(student)
    for name, factors in read_factors(extraction).items():
        assert found["windows"][name]["teacher"] == name
        assert (found["windows"][name]["row"], found["windows"][name]["column"]) == (0, 0)
        own = principal_factors(model.get_submodule(name).weight, 4)
        torch.testing.assert_close(factors.b @ factors.a, own.b @ own.a, atol=1e-6, rtol=0.0)
    ours, theirs = (load_file(folder / "adapter_model.safetensors") for folder in (seeking, pissa))
    assert set(ours) == set(theirs)
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name], atol=1e-6, rtol=1e-5)


def test_embedding_and_head_can_be_adapted_too(models, transfer) -> None:
    teacher, student = models("llama", **LARGE, vocabulary=300), models("llama", **SMALL, vocabulary=264)
    lora = Lora(rank=4, projections=["up", "embedding", "head"])
    folder = transfer(teacher, student, Seeking(lora=lora, optimisation=FAST))
    merged, before = load_student(student, teacher, folder), load_model(student)
    for name in ("model.embed_tokens", "lm_head", "model.layers.0.mlp.up_proj"):
        change = merged.get_submodule(name).weight - before.get_submodule(name).weight
        assert change.abs().max() > 1e-4
    history = read_jsonl(folder / "history.jsonl")
    assert history[-1]["cross_entropy"] < history[0]["cross_entropy"]


def test_an_even_split_is_the_same_product() -> None:
    factors = principal_factors(torch.randn(7, 5, generator=torch.Generator().manual_seed(0)), 3)
    even = split_evenly(factors)
    torch.testing.assert_close(even.b @ even.a, factors.b @ factors.a, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(even.b.norm(dim=0), even.a.norm(dim=1))


def test_pissa_as_published_starts_at_the_student_too(pair, transfer) -> None:
    lora = Lora(rank=4)
    one, two = (
        transfer(*pair, Pissa(lora=lora, optimisation=FAST, even_split=split), name)
        for split, name in ((False, "a"), (True, "b"))
    )
    first, second = (read_jsonl(folder / "history.jsonl") for folder in (one, two))
    assert first[0]["cross_entropy"] == pytest.approx(second[0]["cross_entropy"], abs=1e-5)
    assert first[-1]["cross_entropy"] != second[-1]["cross_entropy"]
    assert check(one)["cost"]["teacher_passes"] == 0


def test_a_rank_above_a_side_of_the_students_matrix_is_refused(pair, transfer) -> None:
    with pytest.raises(UserError, match=r"found 16, expected at most 8, .*v_proj \(8 x 16\)"):
        transfer(*pair, Pissa(lora=Lora(rank=16), optimisation=FAST))


def test_factors_that_do_not_fit_are_refused(pair) -> None:
    def begin(start) -> None:
        begin_at(adapt(load_model(pair[1]), [1], Lora(rank=2, projections=["up"]), seed=0), start)

    name = "model.layers.0.mlp.up_proj"
    with pytest.raises(UserError, match=r"up_proj: found no initial factors"):
        begin({})
    with pytest.raises(UserError, match=r"up_proj: found factors of shape \(32, 3\) and \(3, 16\), expected"):
        begin({name: Factors(torch.zeros(32, 3), torch.zeros(3, 16))})


def test_an_interrupted_training_ends_with_the_same_bytes(pair, transfer, monkeypatch) -> None:
    settings = Seeking(lora=Lora(rank=4, dropout=0.1), optimisation=FAST)
    whole = (transfer(*pair, settings, "whole") / "adapter_model.safetensors").read_bytes()
    original, calls = lora_module.answer_loss, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(*arguments)

    monkeypatch.setattr("semalign.methods.common.lora.answer_loss", interrupted)
    with pytest.raises(SystemExit):
        transfer(*pair, settings, "resumed")
    resumed = transfer(*pair, settings, "resumed")
    assert len(calls) == 6  # two batches per epoch, three epochs: no batch ran twice
    assert (resumed / "adapter_model.safetensors").read_bytes() == whole
