"""Attribution and pairing stages on models of known similarity: CKA does not change if all states are rotated."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_models import build_model, write_tokenizer

from semalign.benchmarks.base import Example, read_split, write_split
from semalign.benchmarks.encoding import encode
from semalign.config.signals import Attribution, Pairing
from semalign.models.loading import load_model, load_tokenizer
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json
from semalign.runtime.provenance import Run
from semalign.signals import likeness
from semalign.signals import stage as stages
from semalign.signals.cka import debiased_cka, linear_cka

WIDTH = 32
INWARD = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "mlp.gate_proj", "mlp.up_proj")
OUTWARD = ("self_attn.o_proj", "mlp.down_proj")
EXAMPLES = 6  # in the extract split


def save(model: Any, folder: Path) -> Path:
    model.save_pretrained(folder)
    write_tokenizer(folder)
    Run("model").seal(folder)
    return folder


def turned_student(teacher: Any) -> Any:
    """A student with one layer that returns its input, then the teacher's first two layers, in a rotated basis.

    Norms with gains of one commute with a rotation, so that student layer k + 1 has the rotated states of teacher
    layer k.
    """
    student = build_model("llama", layers=3, width=WIDTH, seed=2)
    turn, _ = torch.linalg.qr(
        torch.randn(WIDTH, WIDTH, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    )
    with torch.no_grad():
        student.model.embed_tokens.weight.copy_(teacher.model.embed_tokens.weight.double() @ turn.T)
        for name in OUTWARD:
            student.model.layers[0].get_submodule(name).weight.zero_()
        for own, theirs in zip(student.model.layers[1:], teacher.model.layers, strict=False):
            for name in INWARD:
                weight = theirs.get_submodule(name).weight.double() @ turn.T
                own.get_submodule(name).weight.copy_(weight)
            for name in OUTWARD:
                weight = turn @ theirs.get_submodule(name).weight.double()
                own.get_submodule(name).weight.copy_(weight)
    return student


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("turned")
    teacher = build_model("llama", layers=4, width=WIDTH, seed=1)
    return save(teacher, root / "teacher"), save(turned_student(teacher), root / "student")


@pytest.fixture
def ranked(tmp_path: Path) -> Path:
    """An attribution that ranks teacher layers 2, 1, 4, 3, and took seven passes."""
    folder = tmp_path / "attribution" / "default"
    folder.mkdir(parents=True)
    write_json(folder / "attribution.json", {"ranking": [2, 1, 4, 3], "scores": [], "teacher_passes": 7})
    Run("attribution").seal(folder)
    return folder


@pytest.fixture
def pair(turned: tuple[Path, Path], ranked: Path, pico_benchmark: Path, tmp_path: Path) -> Callable[..., Any]:
    """Run the stage; return the content of pairing.json."""

    def run(benchmark: Path = pico_benchmark, student: Path = turned[1], **settings: Any) -> Any:
        write_json(tmp_path / "pairing.json", Pairing(**settings).model_dump())
        stages.pair_layers(turned[0], student, benchmark, ranked, tmp_path / "pairing.json", tmp_path / "out")
        return read_json(tmp_path / "out" / "pairing.json")

    return run


def test_cka_finds_the_layer_that_is_turned(pair: Callable[..., Any], tmp_path: Path) -> None:
    found = pair(rule="cka", pairs=2)
    assert [(p["student"], p["teacher"], p["critical"]) for p in found["pairs"]] == [(2, 1, 1), (3, 2, 2)]
    assert all(p["below"] == p["above"] == p["teacher"] and p["weight"] == 0 for p in found["pairs"])
    numbers = {row["teacher"]: row["students"] for row in found["cka"]}
    assert numbers[2][2] == pytest.approx(1, abs=1e-4) and numbers[1][1] == pytest.approx(1, abs=1e-4)
    assert max(numbers[2][:2]) < 0.999 and max(numbers[1][0], numbers[1][2]) < 0.999
    by_depth = pair(pairs=2)["pairs"]
    assert [(p["student"], p["critical"]) for p in by_depth] == [(1, 1), (2, 2)]


def test_likeness_is_the_debiased_cka_at_the_answers(
    turned: tuple[Path, Path], pico_benchmark: Path, pair: Callable[..., Any]
) -> None:
    found = pair(rule="cka", pairs=4)["cka"]
    assert [row["teacher"] for row in found] == [2, 1, 4, 3]
    theirs, own = (answer_states(folder, pico_benchmark) for folder in turned)
    for row in found:
        for student, number in enumerate(row["students"], start=1):
            # for the last layer, transformers returns states after the final norm
            if row["teacher"] < 4 and student < 3:
                expected = debiased_cka(theirs[row["teacher"]], own[student])
                assert number == pytest.approx(expected, abs=1e-4)
                assert abs(number - linear_cka(theirs[row["teacher"]], own[student])) > 1e-3 or number > 0.99


def answer_states(folder: Path, benchmark: Path) -> list[torch.Tensor]:
    """States of the embedding and every layer where the next token belongs to the answer, one example at a time."""
    model, tokenizer = load_model(folder), load_tokenizer(folder)
    rows = []
    for example in read_split(benchmark, "extract"):
        encoded = encode(example, tokenizer)
        hidden = model(torch.tensor([encoded.input_ids]), output_hidden_states=True).hidden_states
        rows.append([states[0, encoded.answer_start - 1 : -1] for states in hidden])
    return [torch.cat(layer) for layer in zip(*rows, strict=True)]


def test_cka_counts_its_passes_and_names_what_it_read(pair: Callable[..., Any], tmp_path: Path) -> None:
    assert pair(rule="cka")["teacher_passes"] == 7 + EXAMPLES
    inputs = read_json(tmp_path / "out" / "run.json")["inputs"]
    assert set(inputs) == {"teacher", "student", "benchmark", "attribution"}


@pytest.mark.parametrize(
    "settings", [{}, {"pairs": "all"}, {"rule": "segment"}, {"rule": "last"}, {"rule": "random"}], ids=str
)
def test_other_rules_read_neither_weights_nor_examples(
    pair: Callable[..., Any], settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(likeness, "load_model", None)
    found = pair(benchmark=tmp_path / "nowhere", **settings)
    assert list(found) == ["pairs", "teacher_passes"] and found["teacher_passes"] == 7
    row = ["student", "teacher", "critical", "below", "above", "weight"]
    assert found["pairs"] and all(list(p) == row for p in found["pairs"])
    assert set(read_json(tmp_path / "out" / "run.json")["inputs"]) == {"attribution"}


def test_the_same_bytes_twice(pair: Callable[..., Any], tmp_path: Path) -> None:
    def written(**settings: Any) -> bytes:
        pair(**settings)
        return (tmp_path / "out" / "pairing.json").read_bytes()

    for settings in ({"rule": "cka", "pairs": 3}, {"rule": "random", "pairs": 2, "seed": 5}):
        assert written(**settings) == written(**settings)


def test_tokenizers_that_cut_differently_are_refused(
    pair: Callable[..., Any], turned: tuple[Path, Path], tmp_path: Path
) -> None:
    copy = tmp_path / "student"
    shutil.copytree(turned[1], copy)
    facts = read_json(copy / "tokenizer_config.json")
    write_json(copy / "tokenizer_config.json", {**facts, "eos_token": None})
    Run("model").seal(copy)
    with pytest.raises(
        UserError, match=r"found 18 answer positions of teacher on the extract split and 12 of student"
    ):
        pair(student=copy, rule="cka")


def test_too_few_positions_are_refused(
    pair: Callable[..., Any], pico_benchmark: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "short"
    shutil.copytree(pico_benchmark, copy)
    write_split(copy, "extract", [Example("one", "1+1=", " 2", target="2")])
    Run("benchmark").seal(copy)
    with pytest.raises(UserError, match="found 3 answer positions in the extract split, expected 4 or more"):
        pair(benchmark=copy, rule="cka")


def attribute(teacher: Path, benchmark: Path, root: Path, **settings: Any) -> Any:
    write_json(root / "attribution.json", Attribution(**settings).model_dump())
    stages.attribute_layers(teacher, benchmark, root / "attribution.json", root / "scored")
    return read_json(root / "scored" / "attribution.json")


def test_more_examples_than_there_are_is_refused(
    sealed_pair: tuple[Path, Path], pico_benchmark: Path, tmp_path: Path
) -> None:
    with pytest.raises(
        UserError, match=r"attribution\.examples: found 999, expected at most the \d+ examples"
    ):
        attribute(sealed_pair[0], pico_benchmark, tmp_path, examples=999)


def test_random_scores_need_no_teacher(
    turned: tuple[Path, Path], pico_benchmark: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "load_model", None)
    found = attribute(turned[0], pico_benchmark, tmp_path, score="random")
    assert found["teacher_passes"] == 0
    scores = torch.tensor(found["scores"])
    assert scores.shape == (EXAMPLES, 4) and len(scores.unique()) == 24
    assert scores.min() >= 0 and scores.max() < 1
    assert sorted(found["ranking"]) == [1, 2, 3, 4]
    assert attribute(turned[0], pico_benchmark, tmp_path, score="random") == found
    firsts = {
        attribute(turned[0], pico_benchmark, tmp_path, score="random", seed=seed)["ranking"][0]
        for seed in range(30)
    }
    assert firsts == {1, 2, 3, 4}


def test_each_granularity_is_sealed_with_its_passes(
    turned: tuple[Path, Path], pico_benchmark: Path, tmp_path: Path
) -> None:
    scores = []
    for granularity in ("layer", "sublayer", "neuron"):
        found = attribute(turned[0], pico_benchmark, tmp_path, granularity=granularity, examples=2)
        assert found["teacher_passes"] == 2 and len(found["scores"]) == 2
        scores.append(found["scores"])
    assert len(set(map(str, scores))) == 3
