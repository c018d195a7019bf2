"""The geometry table: students compared with the paper's targets, against one position at a time in float64."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from semalign.analysis import geometry
from semalign.analysis.geometry import Goal, Place, Target, geometry_table
from semalign.analysis.listing import cells_among
from semalign.benchmarks.base import Example, read_split, write_split
from semalign.benchmarks.encoding import encode
from semalign.config.signals import Activations, Alignment
from semalign.methods.sft import Sft
from semalign.methods.untouched import Student, Teacher
from semalign.models.loading import load_model, load_tokenizer, read_head
from semalign.models.transfers import load_student
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json
from semalign.signals.cka import debiased_cka
from semalign.signals.semantics.bases import build_bases

COUNT = 4


@pytest.fixture
def place(sealed_pair: tuple[Path, Path], pico_benchmark: Path) -> Place:
    return Place(*sealed_pair, pico_benchmark, COUNT, Activations(batch_size=3))


@pytest.fixture
def goal(place: Place, signals: dict[str, Path]) -> Goal:
    return Goal(place, signals["pairing"], Alignment())


@pytest.fixture
def cells(transfer: Callable[..., Path], tmp_path: Path) -> list[Path]:
    """Three cells: the untouched student, the teacher, and fine-tuning."""
    found = []
    for method, settings in {"student": Student(), "teacher": Teacher(), "sft": Sft(layers="all")}.items():
        folder = tmp_path / "cells" / "pico" / "sums" / method / "default" / "seed0"
        folder.mkdir(parents=True)
        transfer(settings).rename(folder / "transfer")
        found.append(folder)
    return found


def states_at_answers(model: Any, folder: Path, benchmark: Path, layer: int) -> Tensor:
    """MLP outputs [positions, width] at positions whose next token belongs to the answer, example by example."""
    tokenizer, rows = load_tokenizer(folder), []
    for example in read_split(benchmark, "test")[:COUNT]:
        encoded = encode(example, tokenizer)
        kept: list[Tensor] = []
        handle = model.model.layers[layer - 1].mlp.register_forward_hook(
            lambda m, a, out, kept=kept: kept.append(out)
        )
        model(torch.tensor([encoded.input_ids]))
        handle.remove()
        rows.append(kept[0][0, encoded.answer_start - 1 : -1].double())
    return torch.cat(rows)


def slow_targets(place: Place, pairing: Path) -> dict[int, Tensor]:
    """Coefficients on every basis, token by token, and their recomposition."""
    bases = [
        torch.cat(list(build_bases("output", read_head(folder)).chunks()))
        for folder in (place.teacher, place.student)
    ]
    model, targets = load_model(place.teacher), {}
    for pair in read_json(pairing / "pairing.json")["pairs"]:
        below, above = (
            states_at_answers(model, place.teacher, place.benchmark, pair[end]) for end in ("below", "above")
        )
        hidden = (1 - pair["weight"]) * below + pair["weight"] * above
        coefficients = [bases[0] @ (h / h.norm()) for h in hidden]
        targets[pair["student"]] = torch.stack([bases[1].T @ a for a in coefficients])
    return targets


def test_every_student_is_measured_against_the_papers_targets(
    place: Place, goal: Goal, cells: list[Path], signals: dict[str, Path]
) -> None:
    table = geometry_table(goal, cells_among(cells, "pico", "sums"))
    targets = slow_targets(place, signals["pairing"])
    assert list(table.method) == ["student", "sft"] and list(targets) == [int(table.layer[0])]
    for row, folder in zip(table.itertuples(), (cells[0], cells[2]), strict=True):
        model = load_student(place.student, place.teacher, folder / "transfer")
        states = states_at_answers(model, place.student, place.benchmark, int(row.layer))
        target = targets[int(row.layer)]
        pairs = list(zip(states, target, strict=True))
        centred = list(zip(states - states.mean(0), target - target.mean(0), strict=True))
        for found, sides in ((row.cosine, pairs), (row.cosine_centred, centred)):
            slow = sum(float(s @ t / s.norm() / t.norm()) for s, t in sides) / len(sides)
            assert found == pytest.approx(slow, abs=1e-5)
        assert row.cka == pytest.approx(debiased_cka(states, target), abs=1e-5)
    assert table.cosine.nunique() == 2  # training moved something


def test_the_target_itself_is_as_near_as_can_be() -> None:
    states = torch.randn(30, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 2
    target = Target(states)
    assert target.compare(3 * states) == pytest.approx((1, 1, 1))
    cosine, centred, cka = target.compare(states + 5)
    assert cosine < 0.99 and (centred, cka) == pytest.approx((1, 1))


def test_cka_over_features_equals_cka_over_gram_matrices() -> None:
    generator = torch.Generator().manual_seed(1)
    left = torch.randn(25, 7, generator=generator) + 1
    right = left @ torch.randn(7, 7, generator=generator) + torch.randn(25, 7, generator=generator)
    assert Target(left).compare(right)[2] == pytest.approx(debiased_cka(left, right), abs=1e-9)


def test_more_positions_than_the_limit_are_drawn_once_for_all(
    place: Place, signals: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Goal(place, signals["pairing"], Alignment())
    monkeypatch.setattr(geometry, "POSITIONS", 6)
    goal = Goal(place, signals["pairing"], Alignment())
    (layer,) = goal.layers
    assert len(goal.kept) == 6 < len(whole.kept)
    assert torch.equal(goal.targets[layer].states, whole.targets[layer].states[goal.kept])
    assert goal.measure(load_model(place.student)) == goal.measure(load_model(place.student))


def test_strongest_coefficients_are_followed_and_fitted_maps_refused(
    place: Place, goal: Goal, signals: dict[str, Path]
) -> None:
    (layer,) = goal.layers
    everything = Goal(place, signals["pairing"], Alignment(top=259)).targets[layer].states
    torch.testing.assert_close(everything, goal.targets[layer].states, atol=1e-5, rtol=1e-5)
    few = Goal(place, signals["pairing"], Alignment(top=5)).targets[layer].states
    assert not torch.allclose(few, everything)
    with pytest.raises(UserError, match=r"analysis\.geometry: alignment\.map: found 'procrustes'"):
        Goal(place, signals["pairing"], Alignment(map="procrustes"))


def test_answers_of_unequal_length_are_refused(
    place: Place, signals: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_split(tmp_path, "test", [Example("a", "1+1=", " 2")])
    folder = Place(place.teacher, place.student, tmp_path, COUNT, place.reading)
    plain = geometry._encode

    def longer(place: Place, model: Path) -> Any:
        encoded, pad = plain(place, model)
        if model == place.teacher:
            encoded = [type(e)([*e.input_ids, 5], e.answer_start) for e in encoded]
        return encoded, pad

    monkeypatch.setattr(geometry, "_encode", longer)
    with pytest.raises(UserError, match="for the teacher and 3 for the student"):
        Goal(folder, signals["pairing"], Alignment())
