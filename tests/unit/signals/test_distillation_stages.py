"""Stored logits and units of the teacher, compared with the whole model."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from fabricated_models import rename_tokens
from fabricated_signals import train_split
from safetensors.torch import load_file, save_file
from slow_references import coarse_kl

from semalign.benchmarks.base import read_split
from semalign.benchmarks.encoding import collate, encode
from semalign.config.signals import Logits, Units
from semalign.methods.distill_hidden.projection import TeacherStates
from semalign.models.anatomy import facts_of
from semalign.models.loading import load_model, load_tokenizer
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json
from semalign.runtime.provenance import Run, check
from semalign.signals.attribution import supervised_loss
from semalign.signals.distillation.logits import TeacherLogits
from semalign.signals.distillation.stage import select_units, store_logits
from semalign.signals.distillation.units import choose_units
from semalign.signals.stored import Stored


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
    """The student has the tokens in another order, and some that the teacher lacks."""
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


def test_logits_of_other_examples_are_refused(signals, sealed_pair, pico_benchmark: Path) -> None:
    encoded = train_split(sealed_pair[1], pico_benchmark)
    for folder, name in ((signals["logits"], "logits"), (signals["units"], "units")):
        with pytest.raises(UserError, match=rf"{name}\.safetensors: holds .* tokenise alike") as caught:
            Stored(folder / f"{name}.safetensors", [*encoded, encoded[0]])
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="tokenise alike"):
        TeacherStates(signals["activations"] / "activations.safetensors", [], [*encoded, encoded[0]])


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
    """Compared with one backward pass per position, to the LM head's input."""
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
    with pytest.raises(
        UserError, match="found 32 units in teacher student, expected at least the 48 of student"
    ):
        select_units(
            *(sealed_pair[1], sealed_pair[0], pico_benchmark), tmp_path / "units.json", tmp_path / "out"
        )


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


def test_the_stages_give_the_same_bytes_again(sealed_pair, pico_benchmark: Path, signals, tmp_path) -> None:
    for stage, name in ((store_logits, "logits"), (select_units, "units")):
        settings = signals[name].parent.parent / f"{name}.json"
        stage(*sealed_pair, pico_benchmark, settings, tmp_path / name)
        assert check(tmp_path / name)["digest"] == check(signals[name])["digest"]
