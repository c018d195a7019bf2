"""LaTen: what is injected, what is written, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_models import ARCHITECTURES, build_model, write_model
from fabricated_signals import laten_settings, locate_in, run_transfer
from safetensors.torch import load_file

from semalign.methods.laten import Laten, injection
from semalign.methods.laten import alignment as laten
from semalign.methods.laten.alignment import Aligner
from semalign.methods.laten.injection import KINDS, TeacherNeurons, module_of
from semalign.models.anatomy import facts_of
from semalign.models.deltas import read_deltas
from semalign.models.loading import load_model
from semalign.models.transfers import load_student
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, read_jsonl
from semalign.runtime.provenance import check
from semalign.signals.location.stored import Locations


def inject(
    pair: tuple[Path, Path], benchmark: Path, located: Path, settings: Laten, out: Path, seed: int = 0
) -> Path:
    """Run LaTen with the located neurons; return its transfer folder."""
    return run_transfer(pair, benchmark, {"location": located}, settings, out, seed)


@pytest.fixture
def run(sealed_pair, pico_benchmark: Path, located: Path, tmp_path: Path):
    """Run LaTen on the pico pair."""
    return lambda settings, name="transfer", seed=0: inject(
        sealed_pair, pico_benchmark, located, settings, tmp_path / name, seed
    )


def test_teacher_slices_are_the_located_rows_and_columns(sealed_pair, located: Path) -> None:
    parts = Locations.read(located).parts["teacher"]
    teacher, source = load_model(sealed_pair[0]), TeacherNeurons(sealed_pair[0], parts)
    for name, kind in KINDS.items():
        for place, layer in enumerate(parts[kind.layers][2].tolist()):
            weight = teacher.get_submodule(module_of(facts_of(teacher), name, layer)).weight
            for rank, index in enumerate(parts[kind.indices][2, place].tolist()):
                vector = weight[:, index] if kind.dim else weight[index]
                assert torch.equal(source.read(name, 2)[place, rank], vector)


def test_exactly_the_located_slices_differ(run, sealed_pair, located: Path) -> None:
    folder = run(laten_settings())
    parts = Locations.read(located).parts["student"]
    before = load_model(sealed_pair[1])
    after = dict(load_student(sealed_pair[1], sealed_pair[0], folder).named_parameters())
    expected = {name: torch.zeros_like(p, dtype=torch.bool) for name, p in before.named_parameters()}
    for name, kind in KINDS.items():
        for layer in range(3):
            module = module_of(facts_of(before), name, layer)
            expected[f"{module}.weight"].index_fill_(kind.dim, parts[kind.indices][-1, layer], True)
    for name, weight in before.named_parameters():
        assert torch.equal(after[name] != weight, expected[name]), name


def test_the_folder_says_what_it_cost_and_how_large_the_delta_is(run, sealed_pair) -> None:
    folder = run(laten_settings())
    cost = check(folder)["cost"]
    assert cost["teacher_passes"] == 7
    assert cost["trainable_parameters"] == 4 * (48 * 48 + 48 * 32)
    size = read_json(folder / "delta.json")
    assert size["changed_share"] == 1
    before = dict(load_model(sealed_pair[1]).named_parameters())
    deltas = read_deltas(folder)
    slices = [before[f"{d.module}.weight"].index_select(d.dim, d.indices) for d in deltas]
    norm = torch.cat([d.values.flatten() for d in deltas]).norm()
    assert size["norm_ratio"] == pytest.approx(float(norm / torch.cat([s.flatten() for s in slices]).norm()))
    history = read_jsonl(folder / "history.jsonl")
    assert [row["step"] for row in history] == list(range(1, 7))
    assert {"cross_entropy", "shrinkage"} <= set(history[0])


def test_fewer_steps_are_the_beginning_of_the_whole_round(run) -> None:
    whole = read_jsonl(run(laten_settings(), name="whole") / "history.jsonl")
    some = read_jsonl(run(laten_settings(steps=2), name="some") / "history.jsonl")
    assert some == whole[:2]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(run) -> None:
    first, again, other = (
        (run(laten_settings(), name=name, seed=seed) / "delta.safetensors").read_bytes()
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert first == again
    assert first != other


def test_an_interrupted_alignment_resumes_to_the_same_bytes(run, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = (run(laten_settings(steps=14), name="a") / "delta.safetensors").read_bytes()
    original, seen = Aligner.batch, []

    def interrupted(self: Aligner, step: int) -> Any:
        if step == 12:
            raise KeyboardInterrupt
        return original(self, step)

    def counted(self: Aligner, step: int) -> Any:
        seen.append(step)
        return original(self, step)

    monkeypatch.setattr(Aligner, "batch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(laten_settings(steps=14), name="b")
    monkeypatch.setattr(Aligner, "batch", counted)
    assert (run(laten_settings(steps=14), name="b") / "delta.safetensors").read_bytes() == expected
    assert seen == [10, 11, 12, 13]


def test_the_teacher_is_never_loaded(run, sealed_pair, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []

    def watched(folder: Path, *arguments: Any, **options: Any) -> Any:
        loaded.append(Path(folder))
        return load_model(folder, *arguments, **options)

    for module in (laten, injection):
        monkeypatch.setattr(module, "load_model", watched)
    run(laten_settings())
    assert set(loaded) == {sealed_pair[1]}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_every_architecture_runs_from_location_to_injection(
    kind: str, pico_benchmark: Path, tmp_path: Path
) -> None:
    pair = (
        write_model(tmp_path / "teacher", kind, layers=3, width=48, seed=1),
        write_model(tmp_path / "student", kind, layers=2, width=32, seed=2, tied=kind != "neox"),
    )
    located = locate_in(pair, pico_benchmark, tmp_path, rate=0.2)
    folder = inject(pair, pico_benchmark, located, laten_settings(), tmp_path / "transfer")
    deltas = read_deltas(folder)
    assert len(deltas) == 8  # four kinds in two layers
    assert read_json(folder / "delta.json")["changed_share"] > 0.9


def test_models_of_different_families_meet(pico_benchmark: Path, tmp_path: Path) -> None:
    pair = (
        write_model(tmp_path / "teacher", "neox", layers=3, width=48, seed=1, vocabulary=300),
        write_model(tmp_path / "student", "qwen3", layers=2, width=32, seed=2),
    )
    located = locate_in(pair, pico_benchmark, tmp_path)
    folder = inject(pair, pico_benchmark, located, laten_settings(), tmp_path / "transfer")
    assert {delta.module.split(".")[-1] for delta in read_deltas(folder)} == {
        *("up_proj", "down_proj", "v_proj", "o_proj")
    }


def test_a_delta_below_the_storage_types_resolution_is_refused(
    sealed_pair, pico_benchmark: Path, tmp_path: Path
) -> None:
    from fabricated_models import write_tokenizer

    from semalign.runtime.provenance import Run

    student = tmp_path / "half"
    build_model("llama", layers=3, width=32, seed=2).bfloat16().save_pretrained(student)
    write_tokenizer(student)
    Run("model").seal(student)
    pair = (sealed_pair[0], student)
    located = locate_in(pair, pico_benchmark, tmp_path)
    with pytest.raises(
        UserError, match=r"half: found no weight .* changes in torch\.bfloat16.*higher optimisation"
    ):
        inject(pair, pico_benchmark, located, laten_settings(rate=1e-7, steps=1), tmp_path / "transfer")
    assert not (tmp_path / "transfer").exists()
    inject(pair, pico_benchmark, located, laten_settings(), tmp_path / "transfer")
    assert load_file(tmp_path / "transfer/delta.safetensors")["model.layers.0.mlp.up_proj.values"].dtype is (
        torch.float32
    )


def test_a_change_outside_the_slices_is_an_error(run, monkeypatch: pytest.MonkeyPatch) -> None:
    def altered(*arguments: Any, **options: Any) -> Any:
        model = load_student(*arguments, **options)
        model.model.norm.weight += 1
        return model

    monkeypatch.setattr(injection, "load_student", altered)
    with pytest.raises(RuntimeError, match=r"model\.norm\.weight: found a change outside the slices"):
        run(laten_settings())


def test_a_batch_larger_than_the_align_split_is_refused(run) -> None:
    with pytest.raises(
        UserError, match="align_batch: found 15, expected at most the 6 examples of the align split"
    ):
        run(laten_settings(align_batch=15))
