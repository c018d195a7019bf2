"""Distillation from stored final states equals distillation from all logits and takes fewer bytes."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_models import rename_tokens, write_model
from fabricated_pairs import Pair
from fabricated_signals import train_split
from safetensors.torch import load_file

from semalign.benchmarks.encoding import collate
from semalign.config.methods import Lora
from semalign.config.optimisation import Optimisation
from semalign.config.signals import States
from semalign.methods.common.answers import divergence_loss
from semalign.methods.distill_logits import DistillLogits
from semalign.methods.distill_states import DistillStates
from semalign.models.loading import load_model
from semalign.models.readout import answer_logits
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, read_jsonl, write_json
from semalign.runtime.provenance import Run, check
from semalign.signals.distillation.logits import TeacherLogits
from semalign.signals.distillation.stage import store_states
from semalign.signals.distillation.states import TeacherStates

WHOLE = {"logits.top_k": 1000, "logits.temperature": 2.0}
SMALL: dict[str, Any] = {
    "optimisation": Optimisation(learning_rate=1e-2, steps=6, batch_size=3),
    "lora": Lora(rank=4, projections=["up", "down", "o"]),
}


def teachers(pair: Pair) -> tuple[TeacherLogits, TeacherStates]:
    encoded = train_split(pair.student, pair.benchmark)
    return (
        TeacherLogits(pair.signal("logits", WHOLE), encoded),
        TeacherStates(pair.signal("states", {}), pair.teacher, pair.student, encoded, 2.0),
    )


@pytest.mark.parametrize("name", ["llama", "neox", "qwen2-padded", "gemma3-tied", "mixed"])
def test_the_loss_is_that_of_logit_distillation_with_the_whole_vocabulary(
    name: str,
    pairs: Callable[[str], Pair],
) -> None:
    pair = pairs(name)
    rows = load_model(pair.student).get_output_embeddings().weight.shape[0]
    found = []
    for teacher in teachers(pair):
        torch.manual_seed(0)
        positions = len(teacher.stored.select(torch.arange(1000), [4, 1]))
        logits = (3 * torch.randn(positions, rows)).requires_grad_()
        loss = teacher.loss(logits, [4, 1])
        loss.backward()
        assert logits.grad is not None
        found.append((loss.detach(), logits.grad))
    assert found[0][0] > 1
    torch.testing.assert_close(found[1][0], found[0][0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found[1][1], found[0][1], atol=1e-6, rtol=1e-4)


def test_the_loss_is_the_slow_formula(llama: Pair) -> None:
    """Computed from the whole teacher's logits, one position and one token at a time."""
    _, teacher = teachers(llama)
    (item,) = (train_split(llama.student, llama.benchmark)[i] for i in [2])
    whole, student = load_model(llama.teacher), load_model(llama.student)
    tokens = torch.tensor([item.input_ids])
    p = (whole(tokens).logits[0, item.answer_start - 1 : -1].double() / 2).softmax(-1)
    batch = collate([item], 0)
    logits = answer_logits(student, batch)
    q = (logits.double() / 2).softmax(-1)
    rows = [
        sum(a * (a / b).log() for a, b in zip(x, y, strict=True)) for x, y in zip(p[:, :259], q, strict=True)
    ]
    expected = 4 * sum(rows) / len(rows)
    terms = divergence_loss(teacher, 0.5)(student, batch, [2])
    assert terms["kl"].item() == pytest.approx(float(expected), rel=1e-4)
    labels = batch.labels[batch.supervised]
    of_labels = -sum((logits[i].double().log_softmax(-1))[n] for i, n in enumerate(labels.tolist()))
    assert terms["label"].item() == pytest.approx(0.5 * float(of_labels) / len(labels), rel=1e-4)
    assert set(divergence_loss(teacher, 0.0)(student, batch, [2])) == {"kl"}


def test_other_vocabularies_meet_in_the_shared_tokens(llama: Pair, tmp_path: Path) -> None:
    student = tmp_path / "student"
    shutil.copytree(llama.student, student)
    rename_tokens(student)
    Run("model").seal(student)
    encoded = train_split(llama.teacher, llama.benchmark)
    stored = llama.signal("states", {})
    teacher = TeacherStates(stored, llama.teacher, student, encoded, 1.0)
    assert len(teacher.ids) == 249
    logits = torch.zeros(len(teacher.stored.of("states", [0])), 259, requires_grad=True)
    loss = teacher.loss(logits, [0])
    loss.backward()
    of_teacher = teacher.readout.of_final(teacher.stored.of("states", [0])).double()
    p = of_teacher.softmax(-1)
    entropy = -(p * p.log()).sum(-1).mean()
    assert loss.item() == pytest.approx(torch.tensor(259.0).log().item() - entropy.item(), rel=1e-4)
    assert logits.grad is not None
    lacking = [number for number in range(259) if number not in teacher.ids.tolist()]
    assert (logits.grad[:, lacking] > 0).all()  # a descent step lowers these logits


def test_stored_states_are_the_final_ones_and_give_the_same_bytes(llama: Pair, tmp_path: Path) -> None:
    folder = llama.signal("states", {})
    stored, model, rows = load_file(folder / "states.safetensors"), load_model(llama.teacher), []
    for item in train_split(llama.teacher, llama.benchmark):
        states = model(torch.tensor([item.input_ids]), output_hidden_states=True).hidden_states[-1][0]
        rows.append(states[item.answer_start - 1 : -1])
    torch.testing.assert_close(stored["states"], torch.cat(rows), atol=1e-5, rtol=1e-5)
    assert stored["states"].dtype == torch.float32
    assert read_json(folder / "states.json") == {"width": 48, "teacher_passes": 6}
    write_json(tmp_path / "states.json", States().model_dump())
    store_states(llama.teacher, llama.student, llama.benchmark, tmp_path / "states.json", tmp_path / "again")
    assert check(tmp_path / "again")["digest"] == check(folder)["digest"]


def test_a_position_takes_as_many_floats_as_the_teacher_is_wide(llama: Pair) -> None:
    states = load_file(llama.signal("states", {}) / "states.safetensors")
    positions = int(states.pop("offsets")[-1])
    assert sum(t.nbytes for t in states.values()) == 4 * 48 * positions
    logits = load_file(llama.signal("logits", WHOLE) / "logits.safetensors")
    del logits["offsets"]
    assert sum(t.nbytes for t in logits.values()) == (8 * 259 + 4) * positions


def test_the_method_learns_as_logit_distillation_does(llama: Pair, tmp_path: Path) -> None:
    settings = {
        "states": DistillStates(**SMALL, temperature=2.0),
        "logits": DistillLogits(**SMALL, signals=WHOLE),
    }
    histories = {}
    for name, chosen in settings.items():
        demands = dict(chosen.signals)
        folder = llama.transfer(chosen, tmp_path / name, demands=demands)
        histories[name] = [row["kl"] for row in read_jsonl(folder / "history.jsonl")]
        assert check(folder)["cost"]["teacher_passes"] == 6 + 6
    assert histories["states"] == pytest.approx(histories["logits"], rel=1e-3)
    assert histories["states"][-1] < 0.95 * histories["states"][0]


def test_same_seed_same_bytes_and_the_teacher_is_never_loaded(
    llama: Pair, tmp_path: Path, monkeypatch
) -> None:
    from transformers import AutoModelForCausalLM

    settings = DistillStates(**SMALL, layers="all", label_loss_weight=0.5)
    llama.signal("states", {})
    loaded, load = [], AutoModelForCausalLM.from_pretrained
    monkeypatch.setattr(
        AutoModelForCausalLM, "from_pretrained", lambda path, **how: loaded.append(path) or load(path, **how)
    )
    first, again, other = (
        (llama.transfer(settings, tmp_path / name, seed=seed) / "adapter_model.safetensors").read_bytes()
        for seed, name in ((0, "a"), (0, "b"), (1, "c"))
    )
    assert first == again != other
    assert set(loaded) == {llama.student}


def test_states_that_do_not_fit_are_refused_in_one_line(llama: Pair, tmp_path: Path) -> None:
    stored = llama.signal("states", {})
    encoded = train_split(llama.student, llama.benchmark)
    wide = write_model(tmp_path / "wide", kind="llama", layers=1, width=64, seed=3)
    strange = tmp_path / "strange"
    shutil.copytree(llama.student, strange)
    facts = read_json(strange / "tokenizer.json")
    facts["model"]["vocab"] = {f"other{n}": n for n in facts["model"]["vocab"].values()}
    facts["added_tokens"] = []
    write_json(strange / "tokenizer.json", facts)
    Run("model").seal(strange)
    write_json(tmp_path / "states.json", States().model_dump())
    attempts: dict[str, Callable[[], Any]] = {
        r"states\.safetensors: holds .* tokenise alike": lambda: TeacherStates(
            stored, llama.teacher, llama.student, [*encoded, encoded[0]], 1.0
        ),
        r"states\.safetensors: found states of width 48, expected the teacher's 64": lambda: TeacherStates(
            stored, wide, llama.student, encoded, 1.0
        ),
        "pair teacher -> strange: the teacher's vocabulary": lambda: store_states(
            llama.teacher, strange, llama.benchmark, tmp_path / "states.json", tmp_path / "out"
        ),
    }
    for line, attempt in attempts.items():
        with pytest.raises(UserError, match=line) as caught:
            attempt()
        assert "\n" not in str(caught.value)
