"""The whole recipe on tiny models: refusals, nothing to cut, folders, resumption, reproducible bytes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from pruning_cases import batches, documents, logits, pico

from semalign.config.models import CutModel
from semalign.models.loading import load_model, read_config
from semalign.models.pruning.documents import draw_batches, in_turn
from semalign.models.pruning.rebuilding import check_sizes
from semalign.models.pruning.recipe import cut
from semalign.models.stage import prepare_model
from semalign.runtime.errors import UserError
from semalign.runtime.files import write_json, write_jsonl
from semalign.runtime.provenance import Run, check

TEXT = [{"benchmark": "sums"}]


def settings(**changes: Any) -> CutModel:
    return CutModel.model_validate({"source": "pruned", "teacher": "big", "text": TEXT, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": 5}, "pruning: layers: found 5, expected at most the teacher's 4"),
        ({"feed_forward": 99}, "pruning: feed_forward: found 99, expected at most the teacher's 32"),
        ({"width": 20}, "pruning: width: found 20, expected at most the teacher's 16"),
        (
            {"width": 10},
            "pruning: width: found 10, expected a multiple of the teacher's 4 attention heads (8 or 12)",
        ),
    ],
)
def test_sizes_that_cannot_be_are_refused(changes: dict[str, int], message: str) -> None:
    config = {**pico().config.to_dict(), "architectures": ["LlamaForCausalLM"]}
    with pytest.raises(UserError) as error:
        check_sizes(config, settings(**changes))
    assert str(error.value) == message


@pytest.mark.parametrize("kind", ["Gemma3ForCausalLM", "GPTNeoXForCausalLM", "OtherForCausalLM"])
def test_other_architectures_are_refused(kind: str) -> None:
    with pytest.raises(
        UserError, match=f"teacher big: found {kind}, expected one of LlamaForCausalLM"
    ) as error:
        check_sizes({"architectures": [kind]}, settings(layers=1))
    assert "\n" not in str(error.value)


def test_the_teachers_own_sizes_change_nothing() -> None:
    model = pico(tied=True)
    same = cut(settings(layers=4, feed_forward=32, width=16), model, batches())
    assert torch.equal(logits(same.model, documents()), logits(model, documents()))
    assert same.kept == [0, 1, 2, 3]


def test_all_three_cuts_together() -> None:
    made = cut(settings(layers=3, feed_forward=20, width=12), pico("qwen3"), batches())
    config = made.model.config
    assert (config.num_hidden_layers, config.intermediate_size, config.hidden_size) == (3, 20, 12)
    assert config.head_dim == 8
    assert logits(made.model, documents()).isfinite().all()


@pytest.fixture
def sums(tmp_path: Path) -> Path:
    """A sealed benchmark's folder with left-over items."""
    folder = tmp_path / "sums"
    folder.mkdir()
    write_jsonl(folder / "heal.jsonl", [{"prompt": f"{a}+{a}=", "answer": f" {2 * a}"} for a in range(40)])
    Run("benchmark").seal(folder)
    return folder


def prepare(tmp_path: Path, name: str, teacher: Path, sums: Path, **changes: Any) -> Path:
    given = settings(layers=2, feed_forward=24, width=12, **changes).model_dump(mode="json")
    write_json(tmp_path / "settings.json", given)
    prepare_model(
        tmp_path / "settings.json", tmp_path / f"{name}.checkpoint", tmp_path / name, teacher, [sums]
    )
    return tmp_path / name


HEALING = {"tokens": 200, "batch_tokens": 40, "checkpoint_every": 2}


def test_a_prepared_model_loads_and_tells_its_origin(
    tmp_path: Path, models: Callable[..., Path], sums: Path
) -> None:
    teacher = models("llama", layers=4, width=16, seed=1)
    folder = prepare(tmp_path, "small", teacher, sums, healing=HEALING)
    record = check(folder)
    assert record["origin"]["source"] == "pruned"
    assert len(record["origin"]["layers"]) == 2
    assert set(record["inputs"]) == {"teacher", "sums"}
    assert read_config(folder)["hidden_size"] == 12
    assert load_model(folder).config.num_hidden_layers == 2
    assert not (tmp_path / "small.checkpoint").exists()


def test_the_same_settings_give_the_same_bytes(
    tmp_path: Path, models: Callable[..., Path], sums: Path
) -> None:
    teacher = models("llama", layers=4, width=16, seed=1)
    folders = [prepare(tmp_path, name, teacher, sums, healing=HEALING) for name in ("first", "second")]
    assert len({check(folder)["outputs"]["model.safetensors"] for folder in folders}) == 1


def test_an_interrupted_recipe_goes_on_from_the_cut_model(
    tmp_path: Path, models: Callable[..., Path], sums: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = models("llama", layers=4, width=16, seed=1)
    expected = check(prepare(tmp_path, "whole", teacher, sums, healing=HEALING))["outputs"][
        "model.safetensors"
    ]
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("semalign.models.pruning.recipe.heal", _interrupt)
        prepare(tmp_path, "broken", teacher, sums, healing=HEALING)
    with monkeypatch.context() as patch:
        patch.setattr("semalign.models.pruning.recipe.cut", _interrupt)  # is not called again
        resumed = check(prepare(tmp_path, "broken", teacher, sums, healing=HEALING))
    assert resumed["outputs"]["model.safetensors"] == expected


def test_a_missing_split_is_one_line(tmp_path: Path, models: Callable[..., Path], sums: Path) -> None:
    teacher = models("llama", layers=4, width=16, seed=1)
    with pytest.raises(UserError, match=r"sums/other\.jsonl: no such file; expected documents"):
        prepare(tmp_path, "small", teacher, sums, text=[{"benchmark": "sums", "split": "other"}])


def test_sources_take_turns() -> None:
    drawn = in_turn([[f"a{i}" for i in range(9)], ["b0", "b1"]], seed=0)
    assert sorted(drawn) == sorted([f"a{i}" for i in range(9)] + ["b0", "b1"])
    assert [each[0] for each in drawn[:4]] == ["a", "b", "a", "b"]
    assert json.dumps(drawn) == json.dumps(in_turn([[f"a{i}" for i in range(9)], ["b0", "b1"]], seed=0))


def test_batches_hold_their_tokens_and_repeat_only_in_need() -> None:
    lengths = [5, 9, 7, 3, 8]
    once = draw_batches(lengths, 20, 16, seed=0)
    assert sorted(at for batch in once for at in batch) == [0, 1, 2]
    assert all(max(lengths[at] for at in batch) * len(batch) <= 16 for batch in once)
    twice = sorted(at for batch in draw_batches(lengths, 50, 16, seed=0) for at in batch)
    assert twice == [0, 0, 1, 1, 2, 2, 3, 4]


def _interrupt(*_: Any, **__: Any) -> Any:
    raise KeyboardInterrupt
