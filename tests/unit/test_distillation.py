"""The distillation baselines: losses against slow formulas, stages against the whole model, methods at work."""

import itertools
import logging
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from semalign import adapters, stages
from semalign.adapters import head_logits
from semalign.attribution import supervised_loss
from semalign.benchmarks.base import read_split
from semalign.benchmarks.encoding import collate, encode
from semalign.config.methods import DistillHidden, DistillLogits, FlexKd, Lora
from semalign.config.optimisation import Optimisation
from semalign.config.signals import Activations, Attribution, Logits, Pairing, Units
from semalign.distillation.logits import TeacherLogits, keep_top
from semalign.distillation.stages import select_units, store_logits
from semalign.distillation.stored import Stored
from semalign.distillation.units import choose_units
from semalign.errors import UserError
from semalign.files import read_json, read_jsonl, write_json
from semalign.losses import correlation_loss, sparse_kl
from semalign.methods.distill_hidden import TeacherStates, make_projectors, standardise, states_loss
from semalign.models.anatomy import capture, facts_of
from semalign.models.loading import load_model, load_tokenizer
from semalign.models.transfers import load_student
from semalign.pairing import LayerPair, from_rows
from semalign.provenance import Run, check

FAST = Optimisation(learning_rate=1e-2, epochs=5, batch_size=3)
SMALL = {"optimisation": FAST, "lora": Lora(rank=4)}
METHODS = [
    DistillLogits(**SMALL),
    DistillLogits(**SMALL, layers="all", label_loss_weight=0.5),
    DistillHidden(**SMALL),
    DistillHidden(**SMALL, layers="all"),
    FlexKd(**SMALL),
    FlexKd(**SMALL, layers="all", logit_loss_weight=1.0),
]


def name_of(settings) -> str:
    return f"{settings.method}-{settings.layers}"


@pytest.fixture(scope="module")
def signals(sealed_pair, pico_benchmark: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The signal stages of the family, made by the functions that the scripts call."""
    teacher, student = sealed_pair
    root = tmp_path_factory.mktemp("signals")
    settings = {
        "attribution": Attribution(),
        "pairing": Pairing(),
        "activations": Activations(),
        "logits": Logits(top_k=5, temperature=2.0, batch_size=4),
        "units": Units(batch_size=4),
    }
    for name, section in settings.items():
        write_json(root / f"{name}.json", section.model_dump())
    out = {name: root / name / "default" for name in settings}
    stages.attribute(teacher, pico_benchmark, root / "attribution.json", out["attribution"])
    stages.pair(teacher, student, out["attribution"], root / "pairing.json", out["pairing"])
    stages.extract(teacher, pico_benchmark, out["pairing"], root / "activations.json", out["activations"])
    store_logits(teacher, student, pico_benchmark, root / "logits.json", out["logits"])
    select_units(teacher, student, pico_benchmark, root / "units.json", out["units"])
    return out


@pytest.fixture
def transfer(sealed_pair, pico_benchmark: Path, signals: dict[str, Path], tmp_path: Path):
    """Run one method, return its transfer folder."""
    teacher, student = sealed_pair

    def run(settings, seed: int = 0, name: str = "transfer") -> Path:
        write_json(tmp_path / "settings.json", settings.model_dump(mode="json"))
        needed = {stage: signals[stage] for stage in settings.needs}
        stages.transfer(
            *(student, teacher, pico_benchmark, needed, tmp_path / "settings.json", seed),
            *(tmp_path / "checkpoint", "test", tmp_path / name),
        )
        return tmp_path / name

    return run


def train_split(folder: Path, benchmark: Path) -> list:
    tokenizer = load_tokenizer(folder)
    return [encode(example, tokenizer) for example in read_split(benchmark, "train")]


def full_kl(teacher: torch.Tensor, student: torch.Tensor) -> float:
    """KL over the whole vocabulary, a term at a time in float64."""
    p, q = (x.double().softmax(-1).numpy() for x in (teacher, student))
    rows = [sum(a * np.log(a / b) for a, b in zip(*row, strict=True)) for row in zip(p, q, strict=True)]
    return float(np.mean(rows))


def coarse_kl(teacher: torch.Tensor, student: torch.Tensor, k: int) -> float:
    """KL over the k likeliest tokens of the teacher and the rest as one, in float64."""
    p, q = (x.double().softmax(-1).numpy() for x in (teacher, student))
    rows = []
    for a, b in zip(p, q, strict=True):
        order = np.argsort(-a)
        outcomes = [(a[i], b[i]) for i in order[:k]]
        if k < len(a):
            outcomes.append((a[order[k:]].sum(), b[order[k:]].sum()))
        rows.append(sum(x * np.log(x / y) for x, y in outcomes))
    return float(np.mean(rows))


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
    assert all(a <= b + 1e-6 for a, b in itertools.pairwise(found))  # finer outcomes, more divergence
    assert kl_of(teacher, student, 99).item() == found[-1]
    assert kl_of(teacher, teacher, 5).item() == pytest.approx(0, abs=1e-6)


def test_sparse_kl_has_the_gradient_of_the_formula() -> None:
    torch.manual_seed(1)
    teacher, student = torch.randn(3, 7), torch.randn(3, 7, requires_grad=True)
    kl_of(teacher, student, 3).backward()
    p, q = teacher.double().softmax(-1), student.detach().double().softmax(-1)
    # d KL / d z = q - p on the kept tokens, q (1 - p_rest / q_rest) on the rest, over the positions
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
    assert (student.grad[:, [0, 4, 5]] > 0).all()  # descent takes from them


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
    logits[0, 4] = 40.0  # the rest has 9 e-40 of the mass: far below float32's distance of 1 from 1
    kept = keep_top(logits, torch.arange(100, 110), 1)
    assert kept["ids"].tolist() == [[104]]
    assert kept["ids"].dtype == torch.int32
    assert kept["log_tail"].item() == pytest.approx(np.log(9) - 40, rel=1e-6)
    student = torch.zeros(1, 10)
    assert kl_of(logits, student, 1).item() == pytest.approx(full_kl(logits, student), rel=1e-5)


def test_stored_logits_are_the_whole_model_s(sealed_pair, pico_benchmark: Path, signals) -> None:
    model = load_model(sealed_pair[0])
    stored = load_file(signals["logits"] / "logits.safetensors")
    rows = []
    for item in train_split(sealed_pair[0], pico_benchmark):
        logits = model(torch.tensor([item.input_ids])).logits[0, item.answer_start - 1 : -1]
        rows.append((logits.double() / 2.0).log_softmax(-1))
    expected = torch.cat(rows)
    top = expected.topk(5)
    assert torch.equal(stored["ids"].long(), top.indices)
    torch.testing.assert_close(stored["log_probs"].double(), top.values, atol=1e-5, rtol=1e-5)
    tail = 1 - top.values.exp().sum(-1)
    torch.testing.assert_close(stored["log_tail"].double().exp(), tail, atol=1e-6, rtol=1e-5)
    facts = read_json(signals["logits"] / "logits.json")
    assert (facts["top_k"], facts["temperature"], facts["teacher_passes"]) == (5, 2.0, 6)
    assert facts["mean_tail"] == pytest.approx(tail.mean().item(), abs=1e-6)
    assert check(signals["logits"])["stage"] == "logits"


def test_a_smaller_vocabulary_of_the_student_is_named_by_its_own_ids(
    sealed_pair, pico_benchmark: Path, tmp_path: Path
) -> None:
    """A student that has the tokens in another order, and some of its own."""
    student = tmp_path / "student"
    shutil.copytree(sealed_pair[1], student)
    rename_tokens(student)
    Run("model").seal(student)
    write_json(tmp_path / "logits.json", Logits(top_k=500).model_dump())
    store_logits(sealed_pair[0], student, pico_benchmark, tmp_path / "logits.json", tmp_path / "out")
    stored = load_file(tmp_path / "out/logits.safetensors")
    vocabularies = [load_tokenizer(folder).get_vocab() for folder in (sealed_pair[0], student)]
    shared = vocabularies[0].keys() & vocabularies[1].keys()
    assert stored["ids"].shape[1] == len(shared) == 249
    assert (stored["log_tail"] == -torch.inf).all()
    item = train_split(sealed_pair[0], pico_benchmark)[0]
    logits = load_model(sealed_pair[0])(torch.tensor([item.input_ids])).logits[0, item.answer_start - 1]
    total = torch.stack([logits[vocabularies[0][token]] for token in shared]).double().logsumexp(0)
    of_student = dict(zip(stored["ids"][0].tolist(), stored["log_probs"][0].tolist(), strict=True))
    for token in shared:
        expected = (logits[vocabularies[0][token]] - total).item()
        assert of_student[vocabularies[1][token]] == pytest.approx(expected, abs=1e-5)


def rename_tokens(folder: Path) -> None:
    """Turn the order of a tokenizer's byte tokens around and give ten of them another name."""
    facts = read_json(folder / "tokenizer.json")
    vocabulary = facts["model"]["vocab"]
    turned = {token: (261 - number if number > 2 else number) for token, number in vocabulary.items()}
    last = [token for token, number in turned.items() if number >= 249]
    facts["model"]["vocab"] = {(f"own{n}" if token in last else token): n for token, n in turned.items()}
    write_json(folder / "tokenizer.json", facts)


def test_logits_of_other_examples_are_refused(signals, sealed_pair, pico_benchmark: Path) -> None:
    encoded = train_split(sealed_pair[1], pico_benchmark)
    for folder, name in ((signals["logits"], "logits"), (signals["units"], "units")):
        with pytest.raises(UserError, match=rf"{name}\.safetensors: holds .* tokenise alike") as caught:
            Stored(folder / f"{name}.safetensors", encoded[1:])
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="tokenise alike"):
        TeacherStates(signals["activations"] / "activations.safetensors", [], encoded[1:])


def test_rows_of_a_batch_stand_in_its_order(tmp_path: Path, sealed_pair, pico_benchmark: Path) -> None:
    encoded = train_split(sealed_pair[1], pico_benchmark)
    counts = [len(item.input_ids) - item.answer_start for item in encoded]
    owner = torch.tensor([i for i, count in enumerate(counts) for _ in range(count)])
    save_file(
        {"owner": owner, "offsets": torch.tensor([0, *np.cumsum(counts).tolist()])},
        tmp_path / "x.safetensors",
    )
    rows = Stored(tmp_path / "x.safetensors", encoded).of("owner", [4, 0, 2])
    assert rows.tolist() == [i for i in (4, 0, 2) for _ in range(counts[i])]


def test_unit_scores_are_the_gradients_of_the_whole_model(sealed_pair, pico_benchmark: Path, signals) -> None:
    """Per position as they would come from one backward pass a position, through the LM head's input."""
    model, tokenizer = load_model(sealed_pair[0]), load_tokenizer(sealed_pair[0])
    examples = read_split(pico_benchmark, "extract")
    total = torch.zeros(48, dtype=torch.float64)
    for example in examples:
        batch = collate([encode(example, tokenizer)], 0)
        positions = batch.supervised[0].nonzero().flatten().tolist()
        for position in positions:
            labels = torch.full_like(batch.labels, -100)
            labels[0, position] = batch.labels[0, position]
            (gradient,) = head_input_gradient(model, batch, labels)
            total += gradient[0].double().abs().sum(0) / len(positions)
    stored = load_file(signals["units"] / "units.safetensors")
    torch.testing.assert_close(stored["scores"], total / len(examples), atol=1e-8, rtol=1e-4)
    expected = sorted(np.argsort(-(total.numpy()), kind="stable")[:32].tolist())
    assert stored["units"].tolist() == expected
    assert read_json(signals["units"] / "units.json")["teacher_passes"] == 12


def head_input_gradient(model, batch, labels: torch.Tensor):
    kept = []

    def keep(_module, arguments) -> None:
        kept.append(arguments[0])

    embedding = model.get_submodule(facts_of(model).embedding)
    start = embedding.register_forward_hook(lambda _m, _a, output: output.requires_grad_())
    end = model.lm_head.register_forward_pre_hook(keep)
    try:
        loss = supervised_loss(model(batch.input_ids, attention_mask=batch.attention_mask).logits, labels)
        return torch.autograd.grad(loss, kept)
    finally:
        start.remove(), end.remove()


def test_stored_units_are_final_states_at_the_chosen_dimensions(
    sealed_pair, pico_benchmark: Path, signals
) -> None:
    model = load_model(sealed_pair[0])
    stored = load_file(signals["units"] / "units.safetensors")
    rows = []
    for item in train_split(sealed_pair[0], pico_benchmark):
        states = model(torch.tensor([item.input_ids]), output_hidden_states=True).hidden_states[-1][0]
        rows.append(states[item.answer_start - 1 : -1, stored["units"]])
    torch.testing.assert_close(stored["states"], torch.cat(rows), atol=1e-5, rtol=1e-5)


def test_ties_of_units_go_to_the_lower_index() -> None:
    scores = torch.tensor([1.0, 3.0, 1.0, 1.0, 2.0], dtype=torch.float64)
    assert choose_units(scores, 3).tolist() == [0, 1, 4]
    assert choose_units(scores, 5).tolist() == [0, 1, 2, 3, 4]


def test_a_teacher_narrower_than_the_student_is_refused(sealed_pair, pico_benchmark: Path, tmp_path) -> None:
    write_json(tmp_path / "units.json", Units().model_dump())
    with pytest.raises(UserError, match="teacher student has 32 units, expected at least the 48 of student"):
        select_units(
            *(sealed_pair[1], sealed_pair[0], pico_benchmark), tmp_path / "units.json", tmp_path / "out"
        )


def test_correlation_loss_is_one_minus_the_mean_coefficient() -> None:
    torch.manual_seed(2)
    states, targets = torch.randn(9, 4) + 5, torch.randn(9, 4) - 3
    found = [np.corrcoef(states[:, i].double(), targets[:, i].double())[0, 1] for i in range(4)]
    assert correlation_loss(states, targets).item() == pytest.approx(1 - np.mean(found), abs=1e-6)
    assert correlation_loss(states, 7 * states - 2).item() == pytest.approx(0, abs=1e-5)
    assert correlation_loss(states, -states).item() == pytest.approx(2, abs=1e-5)


def test_correlation_of_what_does_not_vary_is_none_and_finite() -> None:
    states = torch.ones(1, 4, requires_grad=True)
    loss = correlation_loss(states, torch.randn(1, 4))
    loss.backward()
    assert loss.item() == pytest.approx(1)
    assert states.grad is not None
    assert states.grad.isfinite().all()


@pytest.mark.parametrize("at_once", [7, 8192])
def test_standardised_channels_have_unit_scale_and_constant_ones_are_zero(at_once: int, monkeypatch) -> None:
    monkeypatch.setattr("semalign.methods.distill_hidden.POSITIONS", at_once)
    torch.manual_seed(3)
    states = torch.randn(50, 3) * torch.tensor([1e-2, 1.0, 1e2]) + 7
    states = torch.cat([states, torch.full((50, 1), 7.0)], dim=1)
    found = standardise(states).double()
    expected = (states.double() - states.double().mean(0))[:, :3] / states.double()[:, :3].std(
        0, correction=0
    )
    torch.testing.assert_close(found[:, :3], expected, atol=1e-5, rtol=1e-5)
    assert (found[:, 3] == 0).all()
    assert (standardise(torch.ones(4, 2)) == 0).all()


def test_states_loss_is_the_error_over_each_channel_s_variance(
    sealed_pair, pico_benchmark: Path, signals
) -> None:
    """Against the formula without standardisation: mean of (W s + b) sigma + mu - h, squared, over sigma^2."""
    encoded = train_split(sealed_pair[1], pico_benchmark)
    rows = read_json(signals["pairing"] / "pairing.json")["pairs"]
    (pair,) = from_rows(rows)
    path = signals["activations"] / "activations.safetensors"
    teacher = TeacherStates(path, [pair], encoded)
    projectors = make_projectors(teacher.widths, 32, seed=5)
    model, indices = load_model(sealed_pair[1]), [3, 1]
    batch = collate([encoded[i] for i in indices], 0)
    settings = DistillHidden(layer_loss_weight=3.0, label_loss_weight=0.5)
    terms = states_loss(settings, teacher, projectors, "mlp")(model, batch, indices)

    stored = load_file(path)
    raw = {int(name[6:]): states.double() for name, states in stored.items() if name != "offsets"}
    mixed = (1 - pair.weight) * raw[pair.below] + pair.weight * raw[pair.above]
    mean, deviation = mixed.mean(0), mixed.std(0, correction=0)
    target = torch.cat([mixed[stored["offsets"][i] : stored["offsets"][i + 1]] for i in indices])
    with capture(model, [pair.student], ["mlp"]) as states:
        logits = model(batch.input_ids, attention_mask=batch.attention_mask).logits
    linear = projectors[str(pair.student)]
    told = states["mlp", pair.student][batch.supervised].double() @ linear.weight.double().T
    told = (told + linear.bias.double()) * deviation + mean
    expected = ((told - target) ** 2 / deviation**2).mean()
    assert terms["layer"].item() == pytest.approx(3 * expected.item(), rel=1e-4)
    assert terms["label"].item() == pytest.approx(
        0.5 * supervised_loss(logits, batch.labels).item(), rel=1e-4
    )
    assert set(states_loss(DistillHidden(label_loss_weight=0), teacher, projectors, "mlp")(
        model, batch, indices
    )) == {"layer"}  # fmt: skip


def test_several_pairs_have_a_projector_each() -> None:
    projectors = make_projectors({3: 48, 1: 40}, 32, seed=0)
    assert {name: tuple(linear.weight.shape) for name, linear in projectors.items()} == {
        "1": (40, 32),
        "3": (48, 32),
    }
    again, other = make_projectors({1: 40, 3: 48}, 32, seed=0), make_projectors({1: 40}, 32, seed=1)
    assert torch.equal(projectors["1"].weight, again["1"].weight)
    assert not torch.equal(projectors["1"].weight, other["1"].weight)


def test_logits_are_compared_at_the_stored_temperature(sealed_pair, pico_benchmark: Path, signals) -> None:
    encoded = train_split(sealed_pair[0], pico_benchmark)
    teacher = TeacherLogits(signals["logits"], encoded)
    torch.manual_seed(4)
    student, model = torch.randn(100, 259), load_model(sealed_pair[0])
    item = encoded[2]
    logits = model(torch.tensor([item.input_ids])).logits[0, item.answer_start - 1 : -1].detach()
    student = student[: len(logits)]
    expected = 4 * coarse_kl(logits / 2, student / 2, 5)
    assert teacher.loss(student, [2]).item() == pytest.approx(expected, rel=1e-4)


def test_a_soft_cap_holds_in_the_head_alone(tmp_path: Path) -> None:
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    torch.manual_seed(0)
    config = Gemma3TextConfig(
        vocab_size=259,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        final_logit_softcapping=2.0,
        initializer_range=0.5,
    )
    Gemma3ForCausalLM(config).save_pretrained(tmp_path)
    model = load_model(tmp_path)
    output = model(torch.tensor([[1, 40, 50]]), output_hidden_states=True)
    found = head_logits(model, output.hidden_states[-1][0])
    assert output.logits.abs().max() > 1.5  # the cap matters
    torch.testing.assert_close(found, output.logits[0])


@pytest.mark.parametrize("settings", METHODS, ids=name_of)
def test_methods_lower_their_loss_and_store_lora_alone(settings, transfer, sealed_pair, signals) -> None:
    folder = transfer(settings)
    history = read_jsonl(folder / "history.jsonl")
    first, last = (
        np.mean([sum(row[name] for name in row if name not in ("step", "learning_rate")) for row in rows])
        for rows in (history[:2], history[-2:])
    )
    assert last < first
    tensors = load_file(folder / "adapter_model.safetensors")
    assert all(".lora_A." in name or ".lora_B." in name for name in tensors)
    (pair,) = from_rows(read_json(signals["pairing"] / "pairing.json")["pairs"])
    layers = {int(name.split("layers.")[1].split(".")[0]) + 1 for name in tensors}
    assert layers == ({1, 2, 3} if settings.layers == "all" else {pair.student})
    before, after = (m(torch.tensor([[1, 40, 50]])).logits for m in (
        load_model(sealed_pair[1]), load_student(sealed_pair[1], sealed_pair[0], folder)
    ))  # fmt: skip
    assert (before - after).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("settings", "terms", "passes"),
    [
        (METHODS[0], {"kl"}, 6 + 6),  # attribution's extract split, and the train split
        (METHODS[1], {"kl", "label"}, 6),
        (METHODS[2], {"layer", "label"}, 6 + 6),
        (METHODS[3], {"layer", "label"}, 6 + 6),
        (METHODS[4], {"layer", "label"}, 6 + 12),
        (METHODS[5], {"layer", "label", "kl"}, 12 + 6),
    ],
    ids=lambda value: name_of(value) if hasattr(value, "method") else None,
)
def test_reports_name_terms_and_costs(settings, terms: set[str], passes: int, transfer) -> None:
    folder = transfer(settings)
    assert set(read_jsonl(folder / "history.jsonl")[0]) - {"step", "learning_rate"} == terms
    cost = check(folder)["cost"]
    tensors = load_file(folder / "adapter_model.safetensors")
    projector = 48 * 32 + 48 if settings.method == "distill-hidden" else 0
    assert cost["trainable_parameters"] == sum(t.numel() for t in tensors.values()) + projector
    assert cost["teacher_passes"] == passes


@pytest.mark.parametrize("settings", METHODS[::2], ids=name_of)
def test_the_same_seed_gives_the_same_bytes(settings, transfer) -> None:
    first, again, other = (
        (transfer(settings, seed, name) / "adapter_model.safetensors").read_bytes()
        for seed, name in ((0, "a"), (0, "b"), (1, "c"))
    )
    assert first == again
    assert first != other


def test_the_stages_give_the_same_bytes_again(sealed_pair, pico_benchmark: Path, signals, tmp_path) -> None:
    for stage, name in ((store_logits, "logits"), (select_units, "units")):
        settings = signals[name].parent.parent / f"{name}.json"
        stage(*sealed_pair, pico_benchmark, settings, tmp_path / name)
        assert check(tmp_path / name)["digest"] == check(signals[name])["digest"]


@pytest.mark.parametrize("settings", METHODS[1::2], ids=name_of)
def test_the_teacher_is_never_loaded(settings, transfer, sealed_pair, monkeypatch) -> None:
    from transformers import AutoModelForCausalLM

    loaded, load = [], AutoModelForCausalLM.from_pretrained
    monkeypatch.setattr(
        AutoModelForCausalLM, "from_pretrained", lambda path, **how: loaded.append(path) or load(path, **how)
    )
    transfer(settings)
    assert loaded == [sealed_pair[1]]


def test_distill_hidden_resumes_to_the_same_bytes(transfer, tmp_path: Path, monkeypatch, caplog) -> None:
    settings = DistillHidden(**SMALL)
    expected = transfer(settings, name="whole")
    calls = []

    def interrupted(*arguments):
        calls.append(0)
        if len(calls) == 6:
            os.kill(os.getpid(), signal.SIGTERM)
        return collate(*arguments)

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(adapters, "collate", interrupted)
        transfer(settings, name="resumed")
    state = load_file(tmp_path / "checkpoint/state.safetensors")
    assert any(name.startswith("exp_avg.extra.") for name in state)
    with caplog.at_level(logging.INFO, logger="semalign"):
        resumed = transfer(settings, name="resumed")
    assert "resumed at step 6/10" in caplog.text
    names = ("adapter_model.safetensors", "history.jsonl")
    assert all((resumed / name).read_bytes() == (expected / name).read_bytes() for name in names)


def test_interpolated_pairs_mix_the_states(signals, sealed_pair, pico_benchmark: Path) -> None:
    encoded = train_split(sealed_pair[1], pico_benchmark)
    path = signals["activations"] / "activations.safetensors"
    layers = sorted(int(name[6:]) for name in load_file(path) if name != "offsets")
    pair = LayerPair(2, layers[0], layers[0], layers[0], layers[-1], 0.25)
    found = TeacherStates(path, [pair], encoded)
    raw = load_file(path)
    expected = 0.75 * raw[f"layer.{layers[0]}"] + 0.25 * raw[f"layer.{layers[-1]}"]
    torch.testing.assert_close(found.states[2], standardise(expected), atol=1e-4, rtol=1e-4)
