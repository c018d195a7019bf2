"""LaTen: the schedule, the gradient that the hypernetworks get, what is written, what is refused."""

from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_models import ARCHITECTURES, build_model, write_model
from safetensors.torch import load_file

from semalign import injection, stages
from semalign.benchmarks.encoding import collate
from semalign.config.methods import Laten
from semalign.config.methods.laten import HypernetworkOptimisation
from semalign.config.signals import Location
from semalign.errors import UserError
from semalign.files import read_json, read_jsonl, write_json
from semalign.hypernetwork import Hypernetwork, one_cycle
from semalign.injection import KINDS, TeacherNeurons, module_of
from semalign.location.stage import Locations, locate_neurons
from semalign.methods import laten
from semalign.methods.base import TransferTask
from semalign.methods.laten import Aligner, answer_loss, portions
from semalign.models.anatomy import facts_of
from semalign.models.deltas import read_deltas
from semalign.models.loading import load_model
from semalign.models.transfers import load_student
from semalign.provenance import check


def settings_of(rate: float = 0.03, steps: int | None = None, **changes: Any) -> Laten:
    optimisation = HypernetworkOptimisation(learning_rate=rate, steps=steps)
    return Laten(**{"optimisation": optimisation, "align_batch": 3, **changes})


def locate_in(pair: tuple[Path, Path], benchmark: Path, root: Path, **settings: Any) -> Path:
    write_json(root / "location.json", Location(**settings).model_dump())
    locate_neurons(*pair, benchmark, root / "location.json", root / "location" / "default")
    return root / "location" / "default"


@pytest.fixture(scope="module")
def located(sealed_pair, pico_benchmark: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return locate_in(sealed_pair, pico_benchmark, tmp_path_factory.mktemp("signals"))


def transfer(pair, benchmark, located, settings, root: Path, name: str = "transfer", seed: int = 0) -> Path:
    """The stage as the workflow runs it."""
    teacher, student = pair
    write_json(root / "settings.json", settings.model_dump(mode="json"))
    stages.transfer(
        *(student, teacher, benchmark, {"location": located}, root / "settings.json", seed),
        *(root / "checkpoint", "test", root / name),
    )
    return root / name


@pytest.fixture
def run(sealed_pair, pico_benchmark: Path, located: Path, tmp_path: Path):
    return lambda settings, **names: transfer(
        sealed_pair, pico_benchmark, located, settings, tmp_path, **names
    )


@pytest.fixture
def aligner(sealed_pair, pico_benchmark: Path, located: Path, tmp_path: Path):
    def make(settings: Laten, seed: int = 0) -> Aligner:
        folders = (sealed_pair[1], sealed_pair[0], pico_benchmark, {"location": located})
        return Aligner(TransferTask(*folders, settings, seed, tmp_path), Locations.read(located))

    return make


@pytest.mark.parametrize("steps", [1, 2, 5, 16, 20, 40, 57])
def test_the_schedule_is_torchs_one_cycle(steps: int) -> None:
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1.0, betas=(0.9, 0.95))
    reference = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.01, total_steps=steps, pct_start=0.1, div_factor=25, final_div_factor=1
    )
    ours = one_cycle(0.01, steps)
    for step in range(steps):
        group = optimizer.param_groups[0]
        assert ours(step) == pytest.approx((group["lr"], group["betas"][0]), rel=1e-9)
        if step + 1 < steps:
            optimizer.step()
            reference.step()


def test_ten_steps_have_a_schedule_though_torch_divides_by_nought() -> None:
    ours = one_cycle(0.01, 10)
    assert ours(0) == pytest.approx((0.01, 0.85))
    assert ours(9) == pytest.approx((0.01 / 25, 0.95))


def test_hypernetworks_are_two_linear_maps_that_start_small() -> None:
    network = Hypernetwork(48, 32, 1e-5, torch.Generator().manual_seed(3))
    assert (network.hidden.shape, network.output.shape) == ((48, 48), (32, 48))
    assert network.hidden.std().item() == pytest.approx(1e-5, rel=0.1)
    assert network.output.std().item() == pytest.approx(1e-5, rel=0.1)
    neurons = torch.randn(2, 5, 48)
    network.requires_grad_(False)
    for row, vector in zip(network(neurons)[1], neurons[1], strict=True):
        hidden = torch.tensor([max(0.0, float(weights @ vector)) for weights in network.hidden])
        torch.testing.assert_close(row, network.output @ hidden)


def test_teacher_slices_are_the_located_rows_and_columns(sealed_pair, located: Path) -> None:
    parts = Locations.read(located).parts["teacher"]
    teacher, source = load_model(sealed_pair[0]), TeacherNeurons(sealed_pair[0], parts)
    for name, kind in KINDS.items():
        for place, layer in enumerate(parts[kind.layers][2].tolist()):
            weight = teacher.get_submodule(module_of(facts_of(teacher), name, layer)).weight
            for rank, index in enumerate(parts[kind.indices][2, place].tolist()):
                vector = weight[:, index] if kind.dim else weight[index]
                assert torch.equal(source.read(name, 2)[place, rank], vector)


def test_gradients_are_those_of_one_graph_with_overridden_weights(aligner) -> None:
    work = aligner(settings_of(initial_deviation=0.05))
    batch = work.batch(1)
    terms = work.loss(batch)
    parameters = work.parameters()
    found = torch.autograd.grad(torch.stack(list(terms.values())).sum(), list(parameters.values()))

    index, examples = batch
    additions = work.additions(index)
    weights = {
        f"{d.module}.weight": work.model.get_submodule(d.module).weight.index_add(d.dim, d.indices, d.values)
        for d in work.deltas(index, additions)
    }
    total = torch.zeros(())
    for example in examples:
        ids = torch.tensor([example.input_ids])
        logits = torch.func.functional_call(work.model, weights, (ids,)).logits[0]
        answer = slice(example.answer_start, None)
        total = total + torch.nn.functional.cross_entropy(
            logits[example.answer_start - 1 : -1], ids[0, answer]
        )
        total = total + 1000 * sum(values.square().mean() for values in additions.values())
    torch.testing.assert_close(torch.stack(list(terms.values())).sum(), total)
    expected = torch.autograd.grad(total, list(parameters.values()))
    for name, one, other in zip(parameters, found, expected, strict=True):
        scale = float(other.abs().max())
        torch.testing.assert_close(one, other, atol=1e-4 * scale, rtol=1e-3, msg=name)
        assert scale > 0


def test_batches_hold_the_extract_example_and_align_examples_of_the_step(aligner) -> None:
    first, other = aligner(settings_of(), seed=0), aligner(settings_of(), seed=1)
    assert sorted(first.batch(step)[0] for step in range(6)) == list(range(6))
    assert [first.batch(s)[0] for s in range(6)] != [other.batch(s)[0] for s in range(6)]
    for step in (0, 7):
        index, batch = first.batch(step)
        assert batch[0] == first.extract[index]
        assert batch[1:] == other.batch(step)[1][1:]  # drawn with the step alone, as released
        assert all(item in first.align for item in batch[1:])
    assert first.batch(7)[0] == first.batch(1)[0]


def test_the_released_mask_leaves_the_first_answer_token_unsupervised(aligner) -> None:
    ours, released = aligner(settings_of()), aligner(settings_of(as_released=True))
    for one, other in zip(ours.align, released.align, strict=True):
        assert one.input_ids == other.input_ids
        assert other.answer_start == one.answer_start + 1


def test_exactly_the_located_slices_differ(run, sealed_pair, located: Path) -> None:
    folder = run(settings_of())
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
    folder = run(settings_of())
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


def test_alignment_lowers_the_loss_of_its_batches(aligner) -> None:
    work = aligner(settings_of(rate=0.1, steps=40, shrinkage=0.0))
    batches = [work.batch(step) for step in range(6)]

    def loss() -> float:
        return sum(float(work.loss(batch)["cross_entropy"].detach()) for batch in batches)

    before = loss()
    work.run()
    assert loss() < 0.9 * before


def test_updates_are_torchs_adamw_under_its_one_cycle(aligner) -> None:
    settings = settings_of(rate=0.02, steps=4, initial_deviation=0.05)
    ours, reference = aligner(settings), aligner(settings)
    history = ours.run()
    parameters = reference.parameters()
    optimizer = torch.optim.AdamW(parameters.values(), lr=0.02, betas=(0.9, 0.95), weight_decay=0.05)
    # six extract examples: fewer updates stop early on the schedule of them all
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.02, total_steps=6, pct_start=0.1, div_factor=25, final_div_factor=1
    )
    for step in range(4):
        optimizer.zero_grad()
        torch.stack(list(reference.loss(reference.batch(step)).values())).sum().backward()
        assert history[step]["learning_rate"] == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        cycle.step()
    for name, parameter in ours.parameters().items():
        torch.testing.assert_close(parameter, parameters[name], atol=1e-5, rtol=1e-4, msg=name)


def test_the_loss_is_the_sum_of_each_examples_mean_over_its_answer(aligner) -> None:
    work = aligner(settings_of())
    examples = [*work.extract, *work.align]
    expected = torch.zeros(())
    for example in examples:
        ids = torch.tensor([example.input_ids])
        logits = work.model(ids).logits[0].log_softmax(-1)
        answer = range(example.answer_start, len(example.input_ids))
        expected -= sum(logits[i - 1, ids[0, i]] for i in answer) / len(answer)
    torch.testing.assert_close(answer_loss(work.model, collate(examples, 0)), expected)


def test_portions_bound_the_positions_and_change_nothing(aligner, monkeypatch: pytest.MonkeyPatch) -> None:
    work = aligner(settings_of(initial_deviation=0.05))
    batch = work.batch(0)
    whole = work.loss(batch)["cross_entropy"]
    length = max(len(example.input_ids) for example in batch[1])
    monkeypatch.setattr(laten, "POSITIONS", 3 * length)
    parts = portions(batch[1])
    assert [example for part in parts for example in part] == batch[1]
    assert max(len(part) for part in parts) == 3
    torch.testing.assert_close(work.loss(batch)["cross_entropy"], whole)
    monkeypatch.setattr(laten, "POSITIONS", 1)
    assert [len(part) for part in portions(batch[1])] == [1] * len(batch[1])


def test_fewer_steps_are_the_beginning_of_the_whole_round(run) -> None:
    whole = read_jsonl(run(settings_of(), name="whole") / "history.jsonl")
    some = read_jsonl(run(settings_of(steps=2), name="some") / "history.jsonl")
    assert some == whole[:2]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(run) -> None:
    first, again, other = (
        (run(settings_of(), name=name, seed=seed) / "delta.safetensors").read_bytes()
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert first == again
    assert first != other


def test_an_interrupted_alignment_resumes_to_the_same_bytes(run, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = (run(settings_of(steps=14), name="a") / "delta.safetensors").read_bytes()
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
        run(settings_of(steps=14), name="b")
    monkeypatch.setattr(Aligner, "batch", counted)
    assert (run(settings_of(steps=14), name="b") / "delta.safetensors").read_bytes() == expected
    assert seen == [10, 11, 12, 13]


def test_the_teacher_is_never_loaded(run, sealed_pair, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []

    def watched(folder: Path, *arguments: Any, **options: Any) -> Any:
        loaded.append(Path(folder))
        return load_model(folder, *arguments, **options)

    for module in (laten, injection, stages):
        monkeypatch.setattr(module, "load_model", watched)
    run(settings_of())
    assert set(loaded) == {sealed_pair[1]}


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_every_architecture_runs_from_location_to_injection(
    kind: str, pico_benchmark: Path, tmp_path: Path
) -> None:
    pair = (
        write_model(tmp_path / "teacher", kind, layers=3, width=48, seed=1),
        write_model(tmp_path / "student", kind, layers=2, width=32, seed=2, tied=kind != "neox"),
    )
    located = locate_in(pair, pico_benchmark, tmp_path, rate=0.2)
    folder = transfer(pair, pico_benchmark, located, settings_of(), tmp_path)
    deltas = read_deltas(folder)
    assert len(deltas) == 8  # four kinds, two layers
    assert read_json(folder / "delta.json")["changed_share"] > 0.9


def test_models_of_different_families_meet(pico_benchmark: Path, tmp_path: Path) -> None:
    pair = (
        write_model(tmp_path / "teacher", "neox", layers=3, width=48, seed=1, vocabulary=300),
        write_model(tmp_path / "student", "qwen3", layers=2, width=32, seed=2),
    )
    located = locate_in(pair, pico_benchmark, tmp_path)
    folder = transfer(pair, pico_benchmark, located, settings_of(), tmp_path)
    assert {delta.module.split(".")[-1] for delta in read_deltas(folder)} == {
        *("up_proj", "down_proj", "v_proj", "o_proj")
    }


def test_a_delta_below_the_storage_types_resolution_is_refused(
    sealed_pair, pico_benchmark: Path, tmp_path: Path
) -> None:
    from fabricated_models import write_tokenizer

    from semalign.provenance import Run

    student = tmp_path / "half"
    build_model("llama", layers=3, width=32, seed=2).bfloat16().save_pretrained(student)
    write_tokenizer(student)
    Run("model").seal(student)
    pair = (sealed_pair[0], student)
    located = locate_in(pair, pico_benchmark, tmp_path)
    with pytest.raises(UserError, match=r"changes no weight of half in torch\.bfloat16.*higher optimisation"):
        transfer(pair, pico_benchmark, located, settings_of(rate=1e-7, steps=1), tmp_path)
    assert not (tmp_path / "transfer").exists()
    transfer(pair, pico_benchmark, located, settings_of(), tmp_path)
    assert load_file(tmp_path / "transfer/delta.safetensors")["model.layers.0.mlp.up_proj.values"].dtype is (
        torch.float32
    )


def test_a_change_outside_the_slices_is_an_error(run, monkeypatch: pytest.MonkeyPatch) -> None:
    def altered(*arguments: Any, **options: Any) -> Any:
        model = load_student(*arguments, **options)
        model.model.norm.weight += 1
        return model

    monkeypatch.setattr(injection, "load_student", altered)
    with pytest.raises(RuntimeError, match=r"model\.norm\.weight: changed outside the slices"):
        run(settings_of())


def test_a_batch_larger_than_the_align_split_is_refused(run) -> None:
    with pytest.raises(UserError, match="align_batch: 15, but the align split has 6 examples"):
        run(settings_of(align_batch=15))


def test_locations_of_another_extract_split_are_refused(aligner) -> None:
    work = aligner(settings_of())
    shorter = {
        model: {name: part[1:] for name, part in parts.items()}
        for model, parts in work.locations.parts.items()
    }
    with pytest.raises(UserError, match="located 5 extract examples, expected 6"):
        Aligner(work.task, Locations(shorter, 7))
