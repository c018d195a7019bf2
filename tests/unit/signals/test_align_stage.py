"""Settings of the alignment stage: fitted maps, largest coefficients, shuffled targets."""

import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from fabricated_models import rename_tokens
from safetensors.torch import load_file
from torch import Tensor

from semalign.benchmarks.base import read_split
from semalign.benchmarks.encoding import encode
from semalign.config.signals import Alignment
from semalign.models.loading import load_model, load_tokenizer, read_head
from semalign.models.states import read_states
from semalign.models.vocabulary import common_tokens
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json
from semalign.runtime.provenance import Run, check
from semalign.signals import stage as stages
from semalign.signals.alignment import align_strongest, interpolate, map_states
from semalign.signals.pairing import LayerPair, from_rows
from semalign.signals.semantics.maps import build_bases_pair, unit_states
from semalign.signals.semantics.registry import FITTED_MAPS

if TYPE_CHECKING:
    from fabricated_pairs import Pair

Align = Callable[..., Path]


@pytest.fixture
def align(
    sealed_pair: tuple[Path, Path], pico_benchmark: Path, signals: dict[str, Path], tmp_path: Path
) -> Align:
    """Run the stage on the pico pair with changed settings; return its folder."""

    def run(student: Path = sealed_pair[1], name: str = "out", **changes: Any) -> Path:
        write_json(tmp_path / "settings.json", Alignment(**changes).model_dump())
        before = signals["alignment"].parents[1]
        stages.align_states(
            *(sealed_pair[0], student, pico_benchmark),
            *(before / "pairing" / "default", before / "activations" / "default"),
            *(tmp_path / "settings.json", tmp_path / name),
        )
        return tmp_path / name

    return run


def read(folder: Path) -> dict[str, Tensor]:
    return load_file(folder / "targets.safetensors")


def only_pair(folder: Path) -> LayerPair:
    (pair,) = from_rows(read_json(folder / "alignment.json")["pairs"])
    return pair


def own_states(folder: Path, benchmark: Path, layers: list[int], interface: str = "mlp") -> dict[int, Tensor]:
    tokenizer = load_tokenizer(folder)
    encoded = [encode(example, tokenizer) for example in read_split(benchmark, "align")]
    return read_states(load_model(folder), encoded, layers, interface, 1, 0)


def stored(signals: dict[str, Path], pair: LayerPair) -> Tensor:
    """The teacher's states on the train split, from which the default targets were made."""
    folder = signals["alignment"].parents[1] / "activations" / "default"
    states = load_file(folder / "activations.safetensors")
    layers = {layer: states[f"layer.{layer}"] for layer in (pair.below, pair.above)}
    return interpolate(layers, pair.below, pair.above, pair.weight)


def test_least_squares_is_fitted_to_the_align_split(
    align: Align, sealed_pair: tuple[Path, Path], pico_benchmark: Path, signals: dict[str, Path]
) -> None:
    out = align(map="least-squares")
    pair = only_pair(out)
    teacher = own_states(sealed_pair[0], pico_benchmark, [pair.below, pair.above])
    mixed = (1 - pair.weight) * teacher[pair.below].double() + pair.weight * teacher[pair.above].double()
    student = own_states(sealed_pair[1], pico_benchmark, [pair.student])[pair.student].double()
    width, positions = mixed.shape[1], len(mixed)
    assert positions < width
    ridge = (1e-2 * positions / width) ** 0.5 * torch.eye(width, dtype=torch.float64)
    nothing = torch.zeros(width, student.shape[1], dtype=torch.float64)
    system = torch.cat([unit_states(mixed), ridge]), torch.cat([student, nothing])
    expected = torch.linalg.lstsq(*system).solution.T
    found = load_file(out / "map.safetensors")
    assert list(found) == [f"layer.{pair.student}"]
    torch.testing.assert_close(found[f"layer.{pair.student}"], expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        read(out)[f"layer.{pair.student}"],
        map_states(stored(signals, pair), expected),
        rtol=1e-3,
        atol=1e-5,
    )


@pytest.mark.parametrize("name", FITTED_MAPS)
def test_fitted_maps_count_their_passes_and_are_the_same_twice(
    align: Align, name: str, signals: dict[str, Path], pico_benchmark: Path
) -> None:
    out = align(map=name)
    default = read_json(signals["alignment"] / "alignment.json")
    examples = len(read_split(pico_benchmark, "align"))
    assert read_json(out / "alignment.json") == {
        **default,
        "teacher_passes": default["teacher_passes"] + examples,
        "rows": None,  # the heads are not read
    }
    assert check(out)["digest"] == check(align(map=name, name="again"))["digest"]
    assert check(out)["inputs"]["benchmark"]["digest"] == check(pico_benchmark)["digest"]
    fitted, plain = read(out), read(signals["alignment"])
    assert fitted.keys() == plain.keys() and all(fitted[key].shape == plain[key].shape for key in plain)


def test_other_maps_run_no_model(align: Align, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semalign.signals.anchors.load_model", lambda *_: pytest.fail("a model was loaded"))
    assert load_file(align(map="identity") / "map.safetensors")


def test_fitted_maps_are_one_a_layer_at_the_interface_of_the_targets(llama: "Pair") -> None:
    changes = {"pairing.pairs": "all", "activations.interface": "block", "alignment.map": "least-squares"}
    out = llama.signal("alignment", changes)
    found, facts = load_file(out / "map.safetensors"), read_json(out / "alignment.json")
    pairs = from_rows(facts["pairs"])
    assert len(pairs) == 3 and sorted(found) == ["layer.1", "layer.2", "layer.3"]
    deep = own_states(llama.teacher, llama.benchmark, [1, 2, 3, 4], "block")
    own = own_states(llama.student, llama.benchmark, [1, 2, 3], "block")
    for pair in pairs:
        mixed = interpolate(deep, pair.below, pair.above, pair.weight)
        near = map_states(mixed, found[f"layer.{pair.student}"])
        others = [torch.cosine_similarity(near, own[layer], dim=-1).mean() for layer in (1, 2, 3)]
        assert others[pair.student - 1] > 0.9 and max(others) == others[pair.student - 1]


@pytest.mark.parametrize("name", ["mixed", "qwen2-padded", "neox"])
@pytest.mark.parametrize("settings", [{"map": "least-squares"}, {"map": "procrustes"}, {"top": 16}])
def test_pairs_of_other_shapes(pairs: "Callable[[str], Pair]", name: str, settings: dict[str, Any]) -> None:
    made = pairs(name)
    out = made.signal("alignment", {f"alignment.{key}": value for key, value in settings.items()})
    targets = read(out)[f"layer.{only_pair(out).student}"]
    assert targets.shape == (int(read(out)["offsets"][-1]), 32)
    assert targets.isfinite().all() and (targets.norm(dim=-1) > 0).all()


def test_each_model_reads_its_own_tokens(
    align: Align, sealed_pair: tuple[Path, Path], tmp_path: Path
) -> None:
    """The student numbers the tokens differently; its states must come from its own ids."""
    other = shutil.copytree(sealed_pair[1], tmp_path / "renumbered")
    rename_tokens(other)
    Run("model").seal(other)
    found = load_file(align(other, map="least-squares") / "map.safetensors")
    plain = load_file(align(name="plain", map="least-squares") / "map.safetensors")
    assert found.keys() == plain.keys()
    assert not any(torch.allclose(found[key], plain[key], atol=1e-3) for key in found)


def test_answers_that_are_cut_differently_are_refused(
    align: Align, sealed_pair: tuple[Path, Path], tmp_path: Path
) -> None:
    other = shutil.copytree(sealed_pair[1], tmp_path / "merging")
    facts = json.loads((other / "tokenizer.json").read_text())
    vocabulary = facts["model"]["vocab"]
    vocabulary["Ġ2"] = vocabulary.pop("z")
    facts["model"]["merges"] = [["Ġ", "2"]]
    write_json(other / "tokenizer.json", facts)
    Run("model").seal(other)
    with pytest.raises(UserError, match=r"align.jsonl: found \d+ answer tokens of teacher"):
        align(other, map="procrustes")
    align(other, map="pinv")


@pytest.mark.parametrize(("name", "top"), [("pinv", 7), ("dual", 1)])
def test_top_keeps_the_largest_coefficients(
    align: Align, name: str, top: int, sealed_pair: tuple[Path, Path], signals: dict[str, Path]
) -> None:
    out = align(map=name, top=top, fold_final_norm=True)
    teacher, student = sealed_pair
    shared = common_tokens(teacher, student)
    bases = build_bases_pair(name, read_head(teacher), read_head(student), shared, fold_final_norm=True)
    pair = only_pair(out)
    expected = align_strongest(stored(signals, pair), bases, shared, top)
    assert torch.equal(read(out)[f"layer.{pair.student}"], expected)
    assert not (out / "map.safetensors").exists()


def test_top_of_all_tokens_gives_the_default_targets(align: Align, signals: dict[str, Path]) -> None:
    found, default = read(align(top=100_000)), read(signals["alignment"])
    for key, rows in default.items():
        torch.testing.assert_close(found[key], rows, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["identity", "vocabulary-least-squares", "least-squares"])
def test_top_needs_a_map_of_bases(align: Align, name: str) -> None:
    with pytest.raises(UserError, match=rf"alignment.top: found 4 with alignment.map '{name}'.*only pinv,"):
        align(map=name, top=4)


def test_shuffled_targets_are_the_same_rows_in_another_order(align: Align, signals: dict[str, Path]) -> None:
    out = align(shuffled=True)
    key = f"layer.{only_pair(out).student}"
    found, default = read(out), read(signals["alignment"])
    assert torch.equal(found["offsets"], default["offsets"])
    assert sorted(found[key].tolist()) == sorted(default[key].tolist())
    moved = (found[key] != default[key]).any(dim=1)
    assert moved.float().mean() > 0.5
    # permuted over all positions, not within an example
    ends = default["offsets"].tolist()
    parts = [slice(*edges) for edges in itertools.pairwise(ends)]
    assert any(sorted(found[key][p].tolist()) != sorted(default[key][p].tolist()) for p in parts)
    assert torch.equal(read(align(shuffled=True, name="again"))[key], found[key])
    assert not torch.equal(read(align(shuffled=True, seed=1, name="other"))[key], found[key])


def test_layers_are_shuffled_alike(llama: "Pair") -> None:
    changes: dict[str, Any] = {"pairing.pairs": "all"}
    plain = read(llama.signal("alignment", changes))
    mixed = read(llama.signal("alignment", {**changes, "alignment.shuffled": True}))
    orders = []
    for layer in (1, 2, 3):
        rows = plain[f"layer.{layer}"].tolist()
        orders.append([rows.index(row) for row in mixed[f"layer.{layer}"].tolist()])
    assert orders[0] == orders[1] == orders[2] != sorted(orders[0])
