"""The semantic residual against slow float64 formulas, for every architecture and choice of bases."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_models import rename_tokens
from fabricated_pairs import PAIRS, Pair
from fabricated_signals import train_split
from safetensors.torch import load_file

from semalign.config.displacements import Residual
from semalign.models.loading import load_model, load_tokenizer
from semalign.models.readout import read_readout
from semalign.models.states import answer_tokens
from semalign.models.trained_head import read_trained_head
from semalign.models.vocabulary import common_tokens
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json
from semalign.runtime.provenance import Run, check
from semalign.signals.displacement import NAME, read_displacements
from semalign.signals.distillation.stage import store_states
from semalign.signals.residual.recomposition import BASES, Recomposition, recompose
from semalign.signals.residual.stage import recompose_residual
from semalign.signals.semantics.bases import RandomBases, output_bases
from semalign.signals.semantics.maps import trained_tokens


def stored(pair: Pair, **settings: Any) -> torch.Tensor:
    folder = pair.signal("residual", {f"residual.{key}": value for key, value in settings.items()})
    return load_file(folder / NAME)["shared"]


def distributions(
    model: Path, benchmark: Path, ids: torch.Tensor, temperature: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """A model's distribution over `ids`, and its mass on them, read from transformers' own logits."""
    whole, rows = load_model(model), []
    for item in train_split(model, benchmark):
        logits = whole(torch.tensor([item.input_ids])).logits[0, item.answer_start - 1 : -1]
        rows.append((logits.double() / temperature).softmax(-1)[:, ids])
    shared = torch.cat(rows)
    mass = shared.sum(-1, keepdim=True)
    return shared / mass, mass


def shared_ids(pair: Pair) -> tuple[torch.Tensor, torch.Tensor]:
    heads = [read_trained_head(folder, "leave-out") for folder in (pair.teacher, pair.student)]
    return trained_tokens("pinv", heads[0], heads[1], common_tokens(pair.teacher, pair.student))


@pytest.mark.parametrize("name", PAIRS)
def test_the_residual_is_the_slow_formula(name: str, pairs: Callable[[str], Pair]) -> None:
    """Bases by torch's own pseudoinverse, both distributions from whole models, one token after the other."""
    pair = pairs(name)
    of_teacher, of_student = shared_ids(pair)
    taught, _ = distributions(pair.teacher, pair.benchmark, of_teacher)
    own, _ = distributions(pair.student, pair.benchmark, of_student)
    head = read_trained_head(pair.student, "leave-out")
    trained = torch.arange(len(head.weight)) if head.rows is None else head.rows
    columns = torch.linalg.pinv(head.weight[trained].double())
    columns = dict(zip(trained.tolist(), (columns / columns.norm(dim=0)).T, strict=True))
    expected = torch.zeros(len(own), head.weight.shape[1], dtype=torch.float64)
    for number, token in enumerate(of_student.tolist()):
        expected += (taught[:, number] - own[:, number])[:, None] * columns[token]
    found = stored(pair)
    assert expected.norm(dim=-1).mean() > 0.01
    torch.testing.assert_close(found.double(), expected, atol=2e-5, rtol=2e-4)


def test_head_rows_give_the_direction_in_which_kl_falls_fastest(llama: Pair) -> None:
    """d is minus the gradient of KL(p_T || p_S) with respect to the student's final state."""
    of_teacher, of_student = shared_ids(llama)
    taught, _ = distributions(llama.teacher, llama.benchmark, of_teacher, temperature=2.0)
    head = read_readout(llama.student).weight.double()
    model = load_model(llama.student)
    states = []
    for item in train_split(llama.student, llama.benchmark):
        hidden = model.model(torch.tensor([item.input_ids])).last_hidden_state
        states.append(hidden[0, item.answer_start - 1 : -1].double())
    final = torch.cat(states).detach().requires_grad_()
    log_p = (final @ head.T / 2)[:, of_student].log_softmax(-1)
    divergence = (taught * (taught.log() - log_p)).sum()
    (gradient,) = torch.autograd.grad(divergence, final)
    found = stored(llama, bases="head-rows", temperature=2.0)
    torch.testing.assert_close(found.double(), -2 * gradient, atol=1e-5, rtol=1e-4)


def test_the_gain_is_folded_into_bases_on_request(llama: Pair) -> None:
    gain = torch.linspace(0.5, 2, 32)
    head = replace(read_trained_head(llama.student, "leave-out"), norm_gain=gain)
    plain, folded = (
        torch.cat(list(BASES["head-rows"](head, fold_final_norm=fold, seed=0).chunks()))
        for fold in (False, True)
    )
    assert torch.equal(plain, head.weight.double())
    torch.testing.assert_close(folded, plain * gain.double())


def test_labels_put_all_mass_on_the_answer(llama: Pair) -> None:
    encoded = train_split(llama.student, llama.benchmark)
    _, ids = shared_ids(llama)
    own, _ = distributions(llama.student, llama.benchmark, ids)
    labels = torch.tensor([token for item in encoded for token in item.input_ids[item.answer_start :]])
    assert torch.equal(answer_tokens(encoded), labels)
    expected = torch.zeros(len(labels), 32, dtype=torch.float64)
    rows = read_trained_head(llama.student, "leave-out").weight.double()
    for position, label in enumerate(labels.tolist()):
        expected[position] = rows[label] - own[position] @ rows[ids]
    found = stored(llama, bases="head-rows", source="labels")
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-4)


def test_the_shuffled_control_keeps_the_teachers_distributions_in_another_order(llama: Pair) -> None:
    of_teacher, of_student = shared_ids(llama)
    taught, _ = distributions(llama.teacher, llama.benchmark, of_teacher)
    own, _ = distributions(llama.student, llama.benchmark, of_student)
    order = torch.randperm(len(own), generator=torch.Generator().manual_seed(3))
    rows = read_trained_head(llama.student, "leave-out").weight.double()[of_student]
    found = stored(llama, bases="head-rows", source="shuffled", seed=3)
    torch.testing.assert_close(found.double(), (taught[order] - own) @ rows, atol=1e-5, rtol=1e-4)
    assert not torch.equal(order, torch.arange(len(own)))


def test_the_sharpened_control_knows_only_the_student(llama: Pair) -> None:
    _, ids = shared_ids(llama)
    own, _ = distributions(llama.student, llama.benchmark, ids)
    sharp = own**2 / (own**2).sum(-1, keepdim=True)
    rows = read_trained_head(llama.student, "leave-out").weight.double()[ids]
    found = stored(llama, bases="head-rows", source="student")
    torch.testing.assert_close(found.double(), (sharp - own) @ rows, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("temperature", [1.0, 100.0])
def test_a_student_that_is_its_own_teacher_is_refused(
    temperature: float, llama: Pair, tmp_path: Path
) -> None:
    """In other batches its predictions differ by rounding, which a method would scale up."""
    own = Residual(temperature=temperature, batch_size=2).model_dump()
    for name, section in (("states", {"batch_size": 6}), ("residual", own)):
        write_json(tmp_path / f"{name}.json", section)
    student, benchmark = llama.student, llama.benchmark
    store_states(student, student, benchmark, tmp_path / "states.json", tmp_path / "states")
    settings, out = tmp_path / "residual.json", tmp_path / "residual"
    with pytest.raises(UserError, match="residual: found predictions whose total variation is"):
        recompose_residual(student, student, benchmark, tmp_path / "states", settings, out)
    assert not out.exists()


def test_other_vocabularies_share_what_they_share(llama: Pair, tmp_path: Path) -> None:
    """The student has the tokens in another order and lacks some; the rest is renormalised, and the share is kept."""
    student = tmp_path / "student"
    shutil.copytree(llama.student, student)
    rename_tokens(student)
    Run("model").seal(student)
    for name, section in (("states", {"batch_size": 4}), ("residual", Residual().model_dump())):
        write_json(tmp_path / f"{name}.json", section)
    store_states(llama.teacher, student, llama.benchmark, tmp_path / "states.json", tmp_path / "states")
    out = tmp_path / "residual"
    recompose_residual(
        llama.teacher, student, llama.benchmark, tmp_path / "states", tmp_path / "residual.json", out
    )
    names = [load_tokenizer(folder).get_vocab() for folder in (llama.teacher, student)]
    common = sorted(set(names[0]) & set(names[1]), key=lambda token: names[1][token])
    ids = [torch.tensor([vocabulary[token] for token in common]) for vocabulary in names]
    taught, kept_teacher = distributions(llama.teacher, llama.benchmark, ids[0])
    own, kept_student = distributions(student, llama.benchmark, ids[1])
    head = read_trained_head(student, "leave-out")
    columns = torch.linalg.pinv(head.weight.double())
    bases = (columns / columns.norm(dim=0)).T[ids[1]]
    found = load_file(out / NAME)["shared"].double()
    torch.testing.assert_close(found, (taught - own) @ bases, atol=2e-5, rtol=2e-4)
    facts = read_json(out / "residual.json")
    assert len(common) < 259
    assert facts["kept_teacher"] == pytest.approx(float(kept_teacher.mean()), rel=1e-4)
    assert facts["kept_student"] == pytest.approx(float(kept_student.mean()), rel=1e-4)
    assert facts["kept_student"] < 0.999


def test_blocks_of_positions_change_nothing(llama: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = train_split(llama.student, llama.benchmark)
    positions = len(answer_tokens(encoded))
    states = [
        torch.randn(positions, width, generator=torch.Generator().manual_seed(width)) for width in (48, 32)
    ]
    for source in ("teacher", "shuffled", "labels", "student"):
        settings = Residual(source=source)
        whole = Recomposition.read(llama.teacher, llama.student, settings).of(*states, answer_tokens(encoded))
        monkeypatch.setattr("semalign.signals.residual.recomposition.NUMBERS", 259 * 3)
        parts = Recomposition.read(llama.teacher, llama.student, settings).of(*states, answer_tokens(encoded))
        monkeypatch.undo()
        torch.testing.assert_close(parts.displacement, whole.displacement, atol=1e-6, rtol=1e-5)
        assert parts.kept_teacher == pytest.approx(whole.kept_teacher)


def test_recomposition_sums_chunks_of_bases() -> None:
    bases = RandomBases(tokens=1300, width=7, unit=True, seed=4)
    ids = torch.arange(1300)
    coefficients = torch.randn(5, 1300, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = coefficients @ torch.cat(list(bases.chunks(ids)))
    torch.testing.assert_close(recompose(bases.chunks(ids), coefficients), expected)
    with pytest.raises(ValueError, match="no bases"):
        recompose(bases.chunks(ids[:0]), coefficients[:, :0])


def test_bases_differ_and_the_paper_s_are_unit_columns_of_the_pseudoinverse(llama: Pair) -> None:
    head = read_trained_head(llama.student, "leave-out")
    made = {
        name: torch.cat(list(make(head, fold_final_norm=False, seed=0).chunks()))
        for name, make in BASES.items()
    }
    paper = torch.cat(list(output_bases(head).chunks()))
    assert torch.equal(made["pinv"], paper)
    names = list(made)
    for number, name in enumerate(names):
        for other in names[:number]:
            assert not torch.allclose(made[name][:100], made[other][:100]), (name, other)
    for name in ("pinv", "input-side", "random"):
        torch.testing.assert_close(made[name].norm(dim=-1), torch.ones(len(made[name])).double())


def test_the_stage_is_sealed_and_the_same_bytes_again(llama: Pair, tmp_path: Path) -> None:
    states = llama.signal("states", {})
    write_json(tmp_path / "residual.json", Residual(bases="random", source="shuffled", seed=7).model_dump())
    outs = [tmp_path / "one", tmp_path / "two"]
    for out in outs:
        recompose_residual(
            llama.teacher, llama.student, llama.benchmark, states, tmp_path / "residual.json", out
        )
    record = check(outs[0])
    assert record["stage"] == "residual"
    assert set(record["inputs"]) == {"teacher", "student", "benchmark", "states"}
    assert (outs[0] / NAME).read_bytes() == (outs[1] / NAME).read_bytes()
    moves = read_displacements(outs[0], train_split(llama.student, llama.benchmark), [1, 3])
    assert sorted(moves) == [1, 3] and torch.equal(moves[1], moves[3])
