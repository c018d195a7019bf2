"""The stage of the pullback: what it stores for pairs of every architecture, and what it refuses."""

import itertools
import logging
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_models import rename_tokens
from fabricated_pairs import PAIRS, Pair
from fabricated_signals import train_split
from pullback_cases import case_of, slow_objective
from safetensors.torch import load_file, save_file

from semalign.config.displacements import Pullback
from semalign.models.loading import load_model
from semalign.models.states import offsets_of
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json
from semalign.runtime.provenance import Run, check
from semalign.signals.displacement import read_displacements
from semalign.signals.distillation.stage import store_states
from semalign.signals.pullback import layers as module
from semalign.signals.pullback.stage import solve_pullback

TWO = {"pairing.pairs": 2}


def paired_layers(pair: Pair, demands: dict[str, Any]) -> list[int]:
    pairs = read_json(pair.signal("pairing", demands) / "pairing.json")["pairs"]
    return sorted({row["student"] for row in pairs})


@pytest.mark.parametrize("name", PAIRS)
def test_displacements_of_every_paired_layer_lower_the_divergence(
    name: str, pairs: Callable[[str], Pair]
) -> None:
    pair = pairs(name)
    folder = pair.signal("pullback", TWO)
    layers = paired_layers(pair, TWO)
    stored = load_file(folder / "displacement.safetensors")
    encoded = train_split(pair.student, pair.benchmark)
    assert set(stored) == {"offsets", *(f"layer.{layer}" for layer in layers)}
    assert torch.equal(stored["offsets"], offsets_of(encoded))
    facts = read_json(folder / "pullback.json")
    assert facts["teacher_passes"] == 6 + 6  # attribution, and the final states
    assert [row["layer"] for row in facts["layers"]] == layers
    for row in facts["layers"]:
        assert row["divergence_after"] < 0.9 * row["divergence_before"]
        assert 0 < row["relative_size"] < 3 and -1 < row["cosine"] < 1
    moves = read_displacements(folder, encoded, layers)
    assert all(rows.shape == (stored["offsets"][-1], 32) for rows in moves.values())
    assert check(folder)["stage"] == "pullback"


def test_the_facts_are_means_over_all_positions(llama: Pair) -> None:
    """The stored displacements, added by a hook while the whole student runs."""
    folder = llama.signal("pullback", TWO)
    case = case_of(llama, torch.float64)
    layers = paired_layers(llama, TWO)
    moves = read_displacements(folder, case.examples, layers)
    offsets = offsets_of(case.examples).tolist()
    for row in read_json(folder / "pullback.json")["layers"]:
        values = []
        for index, (start, end) in enumerate(itertools.pairwise(offsets)):
            delta = moves[row["layer"]][start:end].double()
            values += [value.item() for value in slow_objective(case, row["layer"], index, delta, 0.0)]
        assert row["divergence_after"] == pytest.approx(sum(values) / len(values), rel=1e-3)


def test_the_same_bytes_again_and_the_teacher_is_never_loaded(
    llama: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModelForCausalLM

    folder = llama.signal("pullback", TWO)
    loaded, load = [], AutoModelForCausalLM.from_pretrained
    monkeypatch.setattr(
        AutoModelForCausalLM, "from_pretrained", lambda path, **how: loaded.append(path) or load(path, **how)
    )
    write_json(tmp_path / "settings.json", Pullback().model_dump())
    before = [llama.signal(stage, TWO) for stage in ("pairing", "states")]
    models = llama.teacher, llama.student, llama.benchmark
    solve_pullback(*models, *before, tmp_path / "settings.json", tmp_path / "again")
    assert check(tmp_path / "again")["digest"] == check(folder)["digest"]
    assert loaded == [llama.student]


def test_other_vocabularies_meet_in_the_shared_tokens(llama: Pair, tmp_path: Path) -> None:
    student = tmp_path / "student"
    shutil.copytree(llama.student, student)
    rename_tokens(student)
    Run("model").seal(student)
    write_json(tmp_path / "states.json", {"batch_size": 4})
    write_json(tmp_path / "settings.json", Pullback(proximity=0.01).model_dump())
    models = llama.teacher, student, llama.benchmark
    store_states(*models, tmp_path / "states.json", tmp_path / "states")
    pairing = llama.signal("pairing", {})
    solve_pullback(*models, pairing, tmp_path / "states", tmp_path / "settings.json", tmp_path / "out")
    (row,) = read_json(tmp_path / "out/pullback.json")["layers"]
    encoded = train_split(student, llama.benchmark)
    moves = read_displacements(tmp_path / "out", encoded, [row["layer"]])[row["layer"]]
    # the teacher's probabilities of tokens with the same string, whatever their ids
    model = load_model(student)
    before = 0.0
    vocabularies = [
        read_json(folder / "tokenizer.json")["model"]["vocab"] for folder in (llama.teacher, student)
    ]
    shared = [
        (vocabularies[0][token], vocabularies[1][token]) for token in vocabularies[0].keys() & vocabularies[1]
    ]
    taught = load_model(llama.teacher)
    for of_teacher, item in zip(train_split(llama.teacher, llama.benchmark), encoded, strict=True):
        place = slice(item.answer_start - 1, -1)
        p = taught(torch.tensor([of_teacher.input_ids])).logits[0, place].double()
        q = model(torch.tensor([item.input_ids])).logits[0, place].double().log_softmax(-1)
        p = torch.stack([p[:, one] for one, _ in shared], -1).softmax(-1)
        q = torch.stack([q[:, other] for _, other in shared], -1)
        before += (p * (p.log() - q)).sum().item()
    assert len(shared) == 249
    assert row["divergence_before"] == pytest.approx(before / len(moves), rel=1e-4)
    assert row["divergence_after"] < 0.7 * row["divergence_before"]


def test_batches_change_no_displacement_but_by_rounding(llama: Pair) -> None:
    one, three = (llama.signal("pullback", {"pullback.batch_size": size}) for size in (1, 3))
    facts = [read_json(folder / "pullback.json")["layers"][0] for folder in (one, three)]
    assert facts[0] == pytest.approx(facts[1], rel=1e-3)
    rows = [load_file(folder / "displacement.safetensors") for folder in (one, three)]
    for name in rows[0]:
        torch.testing.assert_close(rows[0][name], rows[1][name], atol=5e-3, rtol=1e-2)


def test_progress_and_result_are_logged(
    llama: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "REPORT_SECONDS", 0.0)
    write_json(tmp_path / "settings.json", Pullback(steps=1, batch_size=4).model_dump())
    before = [llama.signal(stage, {}) for stage in ("pairing", "states")]
    models = llama.teacher, llama.student, llama.benchmark
    with caplog.at_level(logging.INFO, logger="semalign"):
        solve_pullback(*models, *before, tmp_path / "settings.json", tmp_path / "out")
    lines = [line.getMessage() for line in caplog.records if line.getMessage().startswith("pullback: ")]
    assert [line.split(",")[0] for line in lines[:2]] == [
        "pullback: example 4/6 (66 %)",
        "pullback: example 6/6 (100 %)",
    ]
    assert "nats, moved by" in lines[2]


def test_states_that_are_not_finite_are_refused(llama: Pair, tmp_path: Path) -> None:
    states = tmp_path / "states"
    shutil.copytree(llama.signal("states", {}), states)
    tensors = load_file(states / "states.safetensors")
    tensors["states"][3, 0] = math.nan
    save_file(tensors, states / "states.safetensors")
    Run("states").seal(states)
    write_json(tmp_path / "settings.json", Pullback(steps=1).model_dump())
    folders = llama.teacher, llama.student, llama.benchmark, llama.signal("pairing", {}), states
    with pytest.raises(UserError, match=r"pullback: student layer \d: found nan as the divergence") as caught:
        solve_pullback(*folders, tmp_path / "settings.json", tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()
