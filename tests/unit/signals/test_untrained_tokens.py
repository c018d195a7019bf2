"""Tokens that a model was never trained on: the signals and analyses are those of models without them."""

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from semalign.analysis.geometry import paper_targets
from semalign.analysis.options import LayerTables, Machine, Table
from semalign.analysis.stage import measure_crossing, measure_decomposition
from semalign.config.signals import Alignment
from semalign.models.loading import Head, read_head
from semalign.models.trained_head import leave_out, read_trained_head
from semalign.models.vocabulary import common_tokens
from semalign.runtime.files import read_json, write_json
from semalign.runtime.provenance import Run
from semalign.signals import stage as stages
from semalign.signals.pairing import LayerPair
from semalign.signals.semantics.maps import build_map, trained_tokens
from semalign.signals.semantics.registry import BASES_MAPS, HEAD_MAPS

UNUSED = 9
HERE = Machine("cpu")
Pair = tuple[Path, Path]


def with_unused_tokens(model: Path, out: Path, seed: int) -> Path:
    """The model with UNUSED more tokens, whose rows are alike in the head and tiny in the embedding."""
    generator = torch.Generator().manual_seed(seed)
    shutil.copytree(model, out)
    tensors = load_file(out / "model.safetensors")
    for name, size in (("lm_head.weight", 1.0), ("model.embed_tokens.weight", 1e-3)):
        rows = tensors[name]
        place = torch.randn(rows.shape[1], generator=generator)
        noise = 0.02 * torch.randn(UNUSED, rows.shape[1], generator=generator)
        tensors[name] = torch.cat([rows, size * rows.std() * (place + noise)])
    save_file(tensors, out / "model.safetensors", {"format": "pt"})
    write_json(
        out / "config.json",
        read_json(out / "config.json") | {"vocab_size": len(tensors["lm_head.weight"])},
    )
    facts = read_json(out / "tokenizer.json")
    vocabulary = facts["model"]["vocab"]
    vocabulary |= {f"unused{number}": len(vocabulary) + number for number in range(UNUSED)}
    write_json(out / "tokenizer.json", facts)
    Run("model").seal(out)
    return out


@pytest.fixture(scope="module")
def padded(sealed_pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    root = tmp_path_factory.mktemp("padded")
    teacher, student = sealed_pair
    return (
        with_unused_tokens(teacher, root / "teacher", 1),
        with_unused_tokens(student, root / "student", 2),
    )


@pytest.fixture
def align(pico_benchmark: Path, signals: dict[str, Path], tmp_path: Path) -> Callable[..., Path]:
    """Run the stage on a pair, with the same stored states of the teacher; return its folder."""
    before, numbers = signals["alignment"].parents[1], itertools.count()

    def run(pair: Pair, **changes: Any) -> Path:
        settings, out = tmp_path / "settings.json", tmp_path / f"out{next(numbers)}"
        write_json(settings, Alignment(**changes).model_dump())
        stages.align_states(
            *(*pair, pico_benchmark, before / "pairing/default", before / "activations/default"),
            *(settings, out),
        )
        return out

    return run


def targets_of(folder: Path) -> list[Tensor]:
    tensors = load_file(folder / "targets.safetensors")
    return [tensors[name] for name in sorted(tensors)]


@pytest.mark.parametrize("name", [*BASES_MAPS, *HEAD_MAPS])
@pytest.mark.parametrize("fold", [False, True])
def test_targets_are_those_of_models_without_unused_tokens(
    align: Callable[..., Path], sealed_pair: Pair, padded: Pair, name: str, fold: bool
) -> None:
    plain = align(sealed_pair, map=name, fold_final_norm=fold)
    found = align(padded, map=name, fold_final_norm=fold)
    assert all(map(torch.equal, targets_of(found), targets_of(plain)))
    facts = read_json(found / "alignment.json")
    assert facts["shared_tokens"] == read_json(plain / "alignment.json")["shared_tokens"]
    for counts in facts["rows"].values():
        assert counts["head"] == {"used": 259, "left_out": UNUSED}
        assert counts["embedding"] == {"used": 258, "left_out": UNUSED + 1}  # padding is zero
    assert read_json(found / "run.json")["rows"] == facts["rows"]


def test_the_largest_coefficients_are_those_of_trained_tokens(
    align: Callable[..., Path], sealed_pair: Pair, padded: Pair
) -> None:
    plain, found = align(sealed_pair, top=5), align(padded, top=5)
    assert all(map(torch.equal, targets_of(found), targets_of(plain)))


def test_keep_is_the_map_of_all_rows(align: Callable[..., Path], sealed_pair: Pair, padded: Pair) -> None:
    kept = align(padded, untrained_rows="keep")
    facts = read_json(kept / "alignment.json")
    assert facts["shared_tokens"] == 259 + UNUSED
    assert facts["rows"]["student"]["head"] == {"used": 259 + UNUSED, "left_out": 0}
    every = torch.arange(259 + UNUSED)
    expected = build_map("pinv", *map(read_head, padded), (every, every))
    assert torch.equal(load_file(kept / "map.safetensors")["map"], expected)
    assert not torch.allclose(expected, load_file(align(padded) / "map.safetensors")["map"], atol=1e-3)


def test_a_token_that_only_one_model_was_trained_on_is_not_shared(sealed_pair: Pair, padded: Pair) -> None:
    """The student knows the tokens that the teacher does not use."""
    heads = read_trained_head(padded[0], "leave-out"), read_head(padded[1])
    shared = trained_tokens("pinv", *heads, common_tokens(*padded))
    assert shared[0].tolist() == shared[1].tolist() == list(range(259))
    assert len(trained_tokens("pinv", *map(read_head, padded), common_tokens(*padded))[0]) == 259 + UNUSED


def test_targets_of_the_geometry_are_those_of_the_signals(sealed_pair: Pair, padded: Pair) -> None:
    states = {4: torch.randn(5, 48, generator=torch.Generator().manual_seed(0))}
    pairs = [LayerPair(student=3, teacher=4, critical=4, below=4, above=4, weight=0.0)]
    for changes in ({}, {"top": 3}, {"map": "input-side"}):
        found, plain = (
            paper_targets(*pair, pairs, states, Alignment(**changes))[3] for pair in (padded, sealed_pair)
        )
        assert torch.equal(found, plain)


def test_unused_rows_take_the_energy_of_a_map() -> None:
    """2.4 % of the rows, tiny and alike, as in a model with unused tokens."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.arange(2000)

    def head(width: int) -> Head:
        weight = torch.randn(2000, width, generator=generator) + torch.randn(width, generator=generator) / 2
        place, noise = torch.randn(width, generator=generator), torch.randn(48, width, generator=generator)
        weight[:48] = 0.05 * place + 0.005 * noise
        return Head(weight, weight, torch.ones(width))

    def largest(heads: tuple[Head, Head]) -> float:
        energy = torch.linalg.svdvals(build_map("pinv", *heads, (ids, ids))) ** 2
        return float(energy[0] / energy.sum())

    heads = head(96), head(48)
    assert largest(heads) > 0.5
    assert largest((leave_out(heads[0]), leave_out(heads[1]))) < 0.1


def test_tables_count_the_rows(sealed_pair: Pair, padded: Pair, tmp_path: Path) -> None:
    """Decomposition and crossing give the values of models without unused tokens, and say what is left out."""
    outs = {}
    for name, (teacher, student) in {"plain": sealed_pair, "padded": padded}.items():
        folder = tmp_path / name
        folder.mkdir()
        layers = LayerTables(folder / "layers.csv", folder / "head.csv")
        measure_decomposition(student, "s", layers, machine=HERE)
        measure_crossing(teacher, student, Table(folder / "crossing.csv"), machine=HERE)
        outs[name] = {path.stem: pd.read_csv(path) for path in folder.glob("*.csv")}
    counted = {"head": ["used_rows", "left_out_rows"], "crossing": ["teacher_left_out", "student_left_out"]}
    for table, found in outs["padded"].items():
        columns = counted.get(table, [])
        plain = outs["plain"][table].drop(columns=columns)
        pd.testing.assert_frame_equal(found.drop(columns=columns), plain, atol=1e-5)
    head = outs["padded"]["head"].set_index("bases")[counted["head"]]
    assert head.loc["output"].to_numpy().tolist() == [[259, UNUSED]] * 2
    assert head.loc["input"].to_numpy().tolist() == [[258, UNUSED + 1]] * 2
    assert head.loc["random"].tolist() == head.loc["dual"].tolist() == [259, UNUSED]
    crossing = outs["padded"]["crossing"].set_index(["map", "folded"])
    assert crossing.loc["pinv", False][counted["crossing"]].tolist() == [UNUSED, UNUSED]
    assert crossing.loc["input-side", True][["tokens", *counted["crossing"]]].tolist() == [
        258,
        UNUSED + 1,
        UNUSED + 1,
    ]
