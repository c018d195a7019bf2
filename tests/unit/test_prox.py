"""Prox and its control: readouts, the solver against slow formulas, training, bytes and refusals."""

import itertools
import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_models import build_model
from pydantic import TypeAdapter, ValidationError
from safetensors.torch import load_file, save_file
from test_architectures_methods import PAIRS, Pair, pairs  # noqa: F401 (a fixture)
from test_distillation import train_split

from semalign.benchmarks.encoding import collate
from semalign.config.methods import Lora, Method, Prox, SelfAnchor
from semalign.config.optimisation import Optimisation
from semalign.config.study import parse_study
from semalign.config.variants import resolve, signal_name
from semalign.distillation.states import common_tokens
from semalign.errors import UserError
from semalign.files import read_json, read_jsonl, write_json
from semalign.methods.anchored import Anchor, anchored_loss, own_states, read_pairs, total_variance
from semalign.methods.base import TransferTask
from semalign.methods.lora import Work, load_student_at_work
from semalign.methods.prox import make_solver, proximal_anchors, solve_layer
from semalign.models.anatomy import capture, facts_of, layers_of
from semalign.models.loading import load_model
from semalign.models.readout import Readout, read_readout, readout_of
from semalign.models.transfers import load_student
from semalign.provenance import check
from semalign.proximal import Solver

SMALL: dict[str, Any] = {
    "optimisation": Optimisation(learning_rate=1e-2, steps=8, batch_size=3),
    "lora": Lora(rank=4, projections=["up", "down", "o"]),
}
METHODS = [
    Prox(**SMALL),
    Prox(**SMALL, layers="all", distillation="logits", label_loss_weight=0.5),
    SelfAnchor(**SMALL),
    SelfAnchor(**SMALL, layers="all", distillation="none", label_loss_weight=0.5),
]
TWO = {"pairing.layers": 2}


def name_of(settings: Any) -> str:
    return f"{settings.method}-{settings.layers}"


@pytest.fixture
def llama(pairs: Callable[[str], Pair]) -> Pair:  # noqa: F811
    return pairs("llama")


def task_of(pair: Pair, settings: Any, **demands: Any) -> TransferTask:
    signals = {stage: pair.signal(stage, {**settings.demands, **demands}) for stage in settings.needs}
    return TransferTask(pair.student, pair.teacher, pair.benchmark, signals, settings, 0, pair.root / "none")


def solved(pair: Pair, settings: Prox, **demands: Any) -> tuple[Work, dict[int, Anchor], dict[int, Anchor]]:
    """The student at work, its own states and its targets."""
    task = task_of(pair, settings, **demands)
    work = load_student_at_work(task)
    found = read_pairs(task)[0]
    return work, own_states(work, found), proximal_anchors(task, work, found)


@pytest.mark.parametrize("kind", ["llama", "mistral", "qwen2", "qwen3", "gemma3", "neox"])
@pytest.mark.parametrize("tied", [False, True])
def test_a_readout_says_what_the_whole_model_says(kind: str, tied: bool, tmp_path: Path) -> None:
    """Of the last block's output, with a norm that has gains (and biases) of its own and a cap where there is one."""
    model = build_model(kind, layers=2, width=32, seed=4, tied=tied)
    with torch.no_grad():
        for parameter in model.get_submodule(facts_of(model).final_norm).parameters():
            parameter.add_(torch.randn_like(parameter))
    if kind == "gemma3":
        model.config.final_logit_softcapping = 3.0
    model.save_pretrained(tmp_path)
    model = load_model(tmp_path)
    tokens = torch.tensor([[1, 40, 50, 60]])
    with capture(model, [2], ["block"]) as states:
        expected = model(tokens).logits[0]
    some = torch.tensor([7, 3, 200])
    block = states["block", 2][0]
    torch.testing.assert_close(readout_of(model).of_block(block), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(read_readout(tmp_path).of_block(block), expected, atol=1e-5, rtol=1e-5)
    found = read_readout(tmp_path, some).of_block(block)
    torch.testing.assert_close(found, expected[:, some], atol=1e-5, rtol=1e-5)
    assert not any(p.requires_grad for p in read_readout(tmp_path).norm.parameters())


class Fabricated:
    """A solver and its task, small enough for loops in float64."""

    width, vocabulary, positions = 6, 9, 4

    def __init__(self, **changes: Any) -> None:
        torch.manual_seed(0)
        self.norm = torch.nn.RMSNorm(self.width, eps=1e-6)
        with torch.no_grad():
            self.norm.weight.copy_(1 + 0.3 * torch.randn(self.width))
        self.norm.requires_grad_(False)
        self.head = torch.randn(self.vocabulary, self.width)
        self.own = 2 * torch.randn(self.positions, self.width)
        self.tokens = torch.tensor([5, 0, 7, 2, 8])
        self.log_probs = (2 * torch.randn(self.positions, len(self.tokens))).log_softmax(-1)
        settings: dict[str, Any] = {"weight": 0.05, "steps": 40, "step": 0.1, **changes}
        self.solver = Solver(Readout(self.norm, self.head, None), self.tokens, **settings)

    def slow(self, states: torch.Tensor, row: int) -> torch.Tensor:
        """The objective of one position, a token at a time in float64."""
        h, own, head = states.double(), self.own[row].double(), self.head.double()
        normed = h / (h.square().mean() + 1e-6).sqrt() * self.norm.weight.double()
        logits = torch.stack([head[i] @ normed for i in range(self.vocabulary)])
        total = logits.exp().sum().log()
        p = self.log_probs[row].double().exp()
        kl = sum(a * (a.log() - (logits[i] - total)) for a, i in zip(p, self.tokens.tolist(), strict=True))
        return kl + self.solver.weight * sum((a - b) ** 2 for a, b in zip(h, own, strict=True))

    def slow_adam(self, row: int) -> torch.Tensor:
        """The best state on Adam's way, written out in float64."""
        h = self.own[row].double()
        first, second = torch.zeros_like(h), torch.zeros_like(h)
        best, lowest = h, math.inf
        for t in range(1, self.solver.steps + 2):
            at = h.clone().requires_grad_()
            value = self.slow(at, row)
            if value.item() < lowest:
                best, lowest = h, value.item()
            (gradient,) = torch.autograd.grad(value, at)
            first = 0.9 * first + 0.1 * gradient
            second = 0.999 * second + 0.001 * gradient**2
            scaled = first / (1 - 0.9**t) / ((second / (1 - 0.999**t)).sqrt() + 1e-8)
            h = h - self.solver.step * scaled
        return best


def test_the_objective_is_the_slow_formula() -> None:
    made = Fabricated()
    states = made.own + 0.5 * torch.randn_like(made.own)
    found = made.solver.objective(states, made.own, made.log_probs)
    expected = torch.stack([made.slow(states[row], row) for row in range(made.positions)])
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-5)


def test_the_solver_is_adam_on_the_state_alone() -> None:
    made = Fabricated()
    found = made.solver.solve(made.own, made.log_probs)
    expected = torch.stack([made.slow_adam(row) for row in range(made.positions)])
    torch.testing.assert_close(found.double(), expected, atol=2e-3, rtol=1e-3)
    assert made.head.grad is None


def test_the_solver_lowers_every_position_s_objective_and_more_steps_more() -> None:
    values = []
    for steps in (1, 5, 40, 400):
        made = Fabricated(steps=steps)
        found = made.solver.solve(made.own, made.log_probs)
        values.append(made.solver.objective(found, made.own, made.log_probs))
    start = made.solver.objective(made.own, made.own, made.log_probs)
    assert (values[0] < start).all()
    assert all((b <= a + 1e-6).all() for a, b in itertools.pairwise(values))
    assert (values[2] < 0.8 * start).all()


def test_a_step_that_is_far_too_long_never_ends_worse_than_it_began() -> None:
    made = Fabricated(step=100.0)
    found = made.solver.solve(made.own, made.log_probs)
    before, after = (made.solver.objective(at, made.own, made.log_probs) for at in (made.own, found))
    assert (after <= before).all()


def test_an_endless_weight_keeps_the_state_and_none_lets_it_go() -> None:
    moved, told = [], []
    for weight in (0.0, 0.05, 1.0, 1e3, 1e9):
        made = Fabricated(weight=weight, steps=200, step=0.02)
        found = made.solver.solve(made.own, made.log_probs)
        moved.append((found - made.own).norm().item())
        told.append(made.solver.divergence(found, made.log_probs).mean().item())
    assert moved == sorted(moved, reverse=True)
    assert moved[0] > 1
    assert moved[-1] < 1e-6
    assert told == sorted(told)


def test_positions_do_not_touch_each_other() -> None:
    made = Fabricated()
    whole = made.solver.solve(made.own, made.log_probs)
    alone = [made.solver.solve(made.own[[i]], made.log_probs[[i]]) for i in range(made.positions)]
    torch.testing.assert_close(whole, torch.cat(alone), atol=1e-4, rtol=1e-4)


def test_a_state_that_already_says_it_is_its_own_target() -> None:
    made = Fabricated()
    logits = made.solver.student.of_block(made.own)
    solver = Solver(made.solver.student, torch.arange(made.vocabulary), 0.05, 40, 0.1)
    found = solver.solve(made.own, logits.log_softmax(-1))
    torch.testing.assert_close(found, made.own, atol=2e-3, rtol=0)


def test_settings_are_in_the_units_of_the_states() -> None:
    """States, and a head behind them, in another unit give the same targets in that unit."""
    targets = []
    for unit in (1.0, 50.0):
        made = Fabricated()
        own = Anchor(unit * made.own, total_variance(unit * made.own))
        solver = make_solver(Prox(proximity=0.3), made.solver.student, made.tokens, own)
        teacher = Readout(torch.nn.Identity(), torch.eye(len(made.tokens)), None)
        targets.append(solve_layer(1, own, made.log_probs, teacher, solver).targets / unit)
    assert (targets[0] - made.own).abs().max() > 0.05
    torch.testing.assert_close(targets[0], targets[1], atol=1e-3, rtol=1e-3)


def test_variance_is_the_mean_squared_distance_from_the_mean() -> None:
    torch.manual_seed(1)
    states = torch.randn(30, 5) * torch.tensor([0.1, 1.0, 2.0, 3.0, 10.0]) + 4
    mean = states.double().mean(0)
    expected = sum(float(((row.double() - mean) ** 2).sum()) for row in states) / 30
    assert total_variance(states) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", PAIRS)
def test_targets_of_every_architecture_say_more_of_the_teacher(
    name: str,
    pairs: Callable[[str], Pair],  # noqa: F811
) -> None:
    pair = pairs(name)
    work, own, anchors = solved(pair, Prox(proximity=0.01), **TWO)
    task = task_of(pair, Prox(), **TWO)
    of_teacher, of_student = common_tokens(pair.teacher, pair.student)
    stored = load_file(task.signals["activations"] / "activations.safetensors")
    whole = read_readout(pair.teacher)
    assert sorted(anchors) == [p.student for p in read_pairs(task)[0]]
    for p in read_pairs(task)[0]:
        hidden = (1 - p.weight) * stored[f"layer.{p.below}"] + p.weight * stored[f"layer.{p.above}"]
        log_probs = whole.of_block(hidden)[:, of_teacher].log_softmax(-1)
        solver = make_solver(Prox(proximity=0.01), readout_of(work.model), of_student, own[p.student])
        before, after = (solver.divergence(anchor[p.student].targets, log_probs) for anchor in (own, anchors))
        assert (after <= before).all()
        assert after.mean() < 0.9 * before.mean()


def test_own_states_are_block_outputs_at_supervised_positions(llama: Pair) -> None:
    work, own, _ = solved(llama, Prox(solver_steps=1), **TWO)
    model = load_model(llama.student)
    for layer, anchor in own.items():
        rows = []
        for item in work.examples:
            states = model(torch.tensor([item.input_ids]), output_hidden_states=True).hidden_states
            rows.append(states[layer][0, item.answer_start - 1 : -1])
        # the last layer's state is given behind the final norm
        found = model.model.norm(anchor.targets) if layer == 3 else anchor.targets
        torch.testing.assert_close(found, torch.cat(rows), atol=1e-5, rtol=1e-5)


def test_a_student_that_is_its_own_teacher_keeps_its_states(llama: Pair) -> None:
    """Teacher = student, and the same layer."""
    task = task_of(llama, Prox())
    work = load_student_at_work(task)
    pairing = read_pairs(task)[0]
    own = own_states(work, pairing)
    layer = pairing[0].student
    of_teacher, of_student = common_tokens(llama.student, llama.student)
    solver = make_solver(Prox(), readout_of(work.model), of_student, own[layer])
    teacher = read_readout(llama.student, of_teacher)
    found = solve_layer(layer, own[layer], own[layer].targets, teacher, solver)
    deviation = math.sqrt(own[layer].variance / 32)
    assert (found.targets - own[layer].targets).abs().max() < 0.02 * deviation


def test_chunks_change_no_target(llama: Pair, monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    with caplog.at_level(logging.INFO, logger="semalign"):
        _, _, whole = solved(llama, Prox())
        monkeypatch.setattr("semalign.methods.prox.LOGITS_AT_ONCE", 259 * 4)
        _, _, parts = solved(llama, Prox())
    for layer, anchor in whole.items():
        torch.testing.assert_close(anchor.targets, parts[layer].targets, atol=1e-3, rtol=1e-3)
    lines = [line.message for line in caplog.records if line.message.startswith("prox: layer")]
    assert len(set(lines)) == 1 and len(lines) == 2


@pytest.mark.parametrize("settings", METHODS, ids=name_of)
def test_the_loss_is_the_slow_formula(settings: Any, llama: Pair) -> None:
    work, own, anchors = solved(llama, Prox(), **TWO)
    indices = [3, 1]
    batch = collate([work.examples[i] for i in indices], 0)
    shifted = {layer: Anchor(anchor.targets + 1, own[layer].variance) for layer, anchor in anchors.items()}

    class Teacher:
        teacher_passes = 0

        def loss(self, logits: torch.Tensor, of: Any) -> torch.Tensor:
            assert of == indices
            return logits.sum() * 0 + 7

    teacher = Teacher() if settings.distillation == "logits" else None
    terms = anchored_loss(settings, shifted, work.examples, teacher)(work.model, batch, indices)
    per_layer = []
    for layer, anchor in shifted.items():
        with capture(work.model, [layer], ["block"]) as states:
            logits = work.model(batch.input_ids, attention_mask=batch.attention_mask).logits
        counts = [len(item.input_ids) - item.answer_start for item in work.examples]
        total, number = 0.0, 0
        for row, i in enumerate(indices):
            first, item = sum(counts[:i]), work.examples[i]
            for k in range(counts[i]):
                state = states["block", layer][row, item.answer_start - 1 + k].double()
                total += float((state - anchor.targets[first + k].double()).square().sum())
                number += 1
        per_layer.append(total / number / anchor.variance)
    expected = settings.layer_loss_weight * sum(per_layer) / len(per_layer)
    assert terms["layer"].item() == pytest.approx(expected, rel=1e-4)
    assert ("kl" in terms) == (settings.distillation == "logits")
    assert ("label" in terms) == (settings.label_loss_weight > 0)
    if "kl" in terms:
        assert terms["kl"].item() == 7
    if "label" in terms:
        log_probs = logits[batch.supervised].double().log_softmax(-1)
        labels = batch.labels[batch.supervised]
        found = -log_probs[torch.arange(len(labels)), labels].mean()
        assert terms["label"].item() == pytest.approx(0.5 * found.item(), rel=1e-4)


@pytest.mark.parametrize(
    ("settings", "terms", "passes"),
    [
        (METHODS[0], {"layer"}, 6 + 6),  # attribution's extract split, and the train split
        (METHODS[1], {"kl", "label", "layer"}, 6 + 6 + 6),
        (METHODS[2], {"kl", "layer"}, 6 + 6),
        (METHODS[3], {"label", "layer"}, 6),
    ],
    ids=lambda value: name_of(value) if hasattr(value, "method") else None,
)
def test_methods_train_lora_and_report_terms_and_costs(
    settings: Any, terms: set[str], passes: int, llama: Pair, tmp_path: Path
) -> None:
    folder = llama.transfer(settings, tmp_path / "transfer")
    history = read_jsonl(folder / "history.jsonl")
    assert set(history[0]) - {"step", "learning_rate"} == terms
    total = [sum(row[name] for name in terms) for row in history]
    assert total[-1] < total[0]
    tensors = load_file(folder / "adapter_model.safetensors")
    assert all(".lora_A." in name or ".lora_B." in name for name in tensors)
    (pair,) = read_pairs(task_of(llama, settings))[0]
    layers = {int(name.split("layers.")[1].split(".")[0]) + 1 for name in tensors}
    assert layers == ({1, 2, 3} if settings.layers == "all" else {pair.student})
    assert check(folder)["cost"]["teacher_passes"] == passes


def block_outputs(pair: Pair, model: Any, layer: int) -> torch.Tensor:
    work = Work(model, train_split(pair.student, pair.benchmark), 0)
    (found,) = [p for p in read_pairs(task_of(pair, Prox()))[0] if p.student == layer]
    return own_states(work, [found])[layer].targets


def test_prox_moves_the_layer_towards_its_targets(llama: Pair, tmp_path: Path) -> None:
    settings = METHODS[0].model_copy(
        update={"optimisation": Optimisation(learning_rate=3e-3, steps=60, batch_size=6)}
    )
    _, own, anchors = solved(llama, settings)
    ((layer, anchor),) = anchors.items()
    folder = llama.transfer(settings, tmp_path / "transfer")
    after = block_outputs(llama, load_student(llama.student, llama.teacher, folder), layer)
    before = (own[layer].targets - anchor.targets).square().sum()
    assert (after - anchor.targets).square().sum() < 0.7 * before


def test_an_anchor_holds_the_states_while_the_answers_teach(llama: Pair, tmp_path: Path) -> None:
    moved = []
    for weight in (0.0, 10.0):
        settings = SelfAnchor(
            **{**SMALL, "optimisation": Optimisation(learning_rate=1e-2, steps=30, batch_size=6)},
            layer_loss_weight=weight,
        )
        folder = llama.transfer(settings, tmp_path / str(weight))
        history = read_jsonl(folder / "history.jsonl")
        assert history[-1]["kl"] < history[0]["kl"]
        assert ("layer" in history[0]) == bool(weight)
        (pair,) = read_pairs(task_of(llama, settings))[0]
        after = block_outputs(llama, load_student(llama.student, llama.teacher, folder), pair.student)
        before = block_outputs(llama, load_model(llama.student), pair.student)
        moved.append((after - before).square().sum().item())
    assert history[0]["layer"] < 1e-6  # it begins at its targets
    assert moved[1] < 0.5 * moved[0]


@pytest.mark.parametrize("settings", METHODS[:3], ids=name_of)
def test_same_seed_same_bytes_and_the_teacher_is_never_loaded(
    settings: Any, llama: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModelForCausalLM

    for stage in settings.needs:
        llama.signal(stage, settings.demands)
    loaded, load = [], AutoModelForCausalLM.from_pretrained
    monkeypatch.setattr(
        AutoModelForCausalLM, "from_pretrained", lambda path, **how: loaded.append(path) or load(path, **how)
    )
    first, again, other = (
        (llama.transfer(settings, tmp_path / name, seed) / "adapter_model.safetensors").read_bytes()
        for seed, name in ((0, "a"), (0, "b"), (1, "c"))
    )
    assert first == again != other
    assert set(loaded) == {llama.student}


def test_prox_demands_block_outputs_of_the_workflow() -> None:
    study = parse_study(
        {
            "study": "x",
            "methods": {"student": {}, "teacher": {}, "prox": {"distillation": "logits"}, "self-anchor": {}},
        }
    )
    settings, signals = resolve(study, "prox", "default")
    assert settings.needs == ("activations", "pairing", "logits")
    assert signal_name(study, signals, "activations") == "interface~block"
    assert resolve(study, "self-anchor", "default")[0].needs == ("pairing", "logits")
    assert SelfAnchor(distillation="none", label_loss_weight=1).needs == ("pairing",)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({"method": "self-anchor", "distillation": "none"}, "found no loss beside the anchor"),
        ({"method": "prox", "layer_loss_weight": 0}, "found no loss, expected a layer_loss_weight"),
        ({"method": "prox", "distillation": "states"}, "Input should be 'none' or 'logits'"),
        ({"method": "prox", "solver_steps": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_teach_nothing_are_refused(data: dict[str, Any], line: str) -> None:
    with pytest.raises(ValidationError, match=line):
        TypeAdapter(Method).validate_python(data)
    study = {"study": "x", "methods": {"student": {}, "teacher": {}, data["method"]: data}}
    with pytest.raises(UserError) as caught:
        parse_study(study)
    assert f"methods.{data['method']}" in str(caught.value) and "\n" not in str(caught.value)


def refused(line: str, attempt: Callable[[], Any]) -> None:
    with pytest.raises(UserError, match=line) as caught:
        attempt()
    assert "\n" not in str(caught.value)


def test_states_of_another_interface_or_of_other_examples_are_refused(llama: Pair, tmp_path: Path) -> None:
    wrong = {"activations.interface": "mlp"}
    refused(
        "activations.interface: found 'mlp', expected 'block'",
        lambda: llama.transfer(METHODS[0], tmp_path / "transfer", demands=wrong),
    )
    assert not (tmp_path / "transfer").exists()
    task = task_of(llama, METHODS[0])
    work = load_student_at_work(task)
    fewer = Work(work.model, work.examples[1:], 0)
    refused(
        r"activations\.safetensors: holds .* tokenise alike",
        lambda: proximal_anchors(task, fewer, read_pairs(task)[0]),
    )


def test_a_teacher_of_another_width_is_refused(llama: Pair) -> None:
    task = task_of(llama, METHODS[0])
    swapped = TransferTask(
        task.student, task.student, task.benchmark, task.signals, task.settings, 0, task.checkpoint
    )
    refused(
        r"activations\.safetensors: holds states of width 48, expected the teacher's 32",
        lambda: proximal_anchors(swapped, load_student_at_work(task), read_pairs(task)[0]),
    )


def test_states_that_do_not_vary_or_are_not_finite_are_refused(llama: Pair, tmp_path: Path) -> None:
    task = task_of(llama, METHODS[0])
    work, pairing = load_student_at_work(task), read_pairs(task)[0]
    layer = layers_of(work.model)[pairing[0].student - 1]
    handle = layer.register_forward_hook(lambda _m, _a, output: torch.zeros_like(output))
    refused(
        r"student layer \d: \d+ states with variance 0.0, expected states that differ",
        lambda: own_states(work, pairing),
    )
    handle.remove()
    broken = tmp_path / "activations"
    broken.mkdir()
    tensors = load_file(task.signals["activations"] / "activations.safetensors")
    for states in (tensors[f"layer.{layer}"] for layer in (pairing[0].below, pairing[0].above)):
        states[0, 0] = math.nan
    save_file(tensors, broken / "activations.safetensors")
    write_json(broken / "activations.json", read_json(task.signals["activations"] / "activations.json"))
    task.signals["activations"] = broken
    refused(
        r"prox: student layer \d: the divergence to the teacher is nan",
        lambda: proximal_anchors(task, work, pairing),
    )
