"""Weights that are not really there or that can't be computed with, and models that can't run, are one line."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from edited_models import WEIGHTS, copy_of, edit_json, edit_weights
from fabricated_models import build_model, write_tokenizer

from semalign.models import checking
from semalign.models.checking import check_model
from semalign.models.devices import Loading
from semalign.models.loading import load_model
from semalign.runtime.errors import UserError

UP = "model.layers.1.mlp.up_proj.weight"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama without any problem."""
    folder = tmp_path_factory.mktemp("whole") / "model"
    build_model("llama", layers=2, width=32, seed=0).save_pretrained(folder)
    write_tokenizer(folder)
    return folder


@pytest.fixture
def model(whole: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return copy_of(whole, tmp_path / "model")


def scaled(folder: Path, factor: float, *parts: str) -> Path:
    """Multiply the tensors whose name contains one of `parts`."""
    chosen = lambda name: any(part in name for part in parts)  # noqa: E731
    return edit_weights(folder, lambda t: {name: t[name] * (factor if chosen(name) else 1) for name in t})


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ("model.norm", r"model\.norm\.weight"),
        ("lm_head", r"lm_head\.weight"),
        ("embed_tokens", r"model\.embed_tokens\.weight"),
        ("layers.1.", r"model\.layers\.1"),
        ("", r"lm_head\.weight, model\.embed_tokens\.weight, model\.layers\.0, model\.layers\.1 and 1 more"),
    ],
)
def test_parts_that_are_only_zeros_are_told(part: str, named: str, model: Path) -> None:
    scaled(model, 0, part)
    with pytest.raises(UserError, match=rf"{WEIGHTS}: found only zeros in {named}, .*download"):
        check_model(model)


def test_a_file_whose_download_stopped_in_reserved_space_is_told(model: Path) -> None:
    size = (model / WEIGHTS).stat().st_size
    os.truncate(model / WEIGHTS, size * 6 // 10)
    os.truncate(model / WEIGHTS, size)
    with pytest.raises(
        UserError, match=r"found only zeros in model\.layers\.1, model\.norm\.weight, expected"
    ):
        check_model(model)


def test_a_single_matrix_of_zeros_is_only_a_warning(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    check_model(scaled(model, 0, "layers.1.mlp", "layers.0.self_attn.o_proj"))
    assert "found only zeros in model.layers.0.self_attn.o_proj.weight, model.layers.1.mlp" in caplog.text


def test_values_that_half_precision_rounds_to_zero_are_told(model: Path) -> None:
    check_model(scaled(model, 1e-10, UP))
    check_model(model, Loading(dtype="bfloat16"))
    with pytest.raises(
        UserError, match=rf"found no value above .* in {UP}, all of .*float16.* choose bfloat16"
    ):
        check_model(model, Loading(dtype="float16"))


def test_the_widest_precision_is_not_advised_to_those_who_have_it(model: Path) -> None:
    edit_weights(model, lambda t: {name: t[name].double() * (1e39 if name == UP else 1) for name in t})
    with pytest.raises(UserError, match=r"expected at most 3\.4e\+38 for `dtype: float32`$"):
        check_model(model)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_finite_weights_whose_products_are_not_are_told(dtype: str, model: Path) -> None:
    scaled(model, 1e38 if dtype == "float32" else 3e4, "up_proj", "gate_proj")
    expected = rf"{model}: found NaN or infinity in the logits that the model computes in {dtype}"
    with pytest.raises(UserError, match=expected) as caught:
        check_model(model, Loading(dtype=dtype))
    assert ("set a wider `dtype`" in str(caught.value)) == (dtype == "float16")


def test_a_large_model_is_tried_when_it_is_loaded(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "LIGHT", 1000)
    check_model(scaled(model, 1e38, "up_proj", "gate_proj"))
    with pytest.raises(UserError, match="found NaN or infinity in the logits"):
        load_model(model)


def test_a_model_that_cannot_run_is_one_line(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import LlamaForCausalLM

    def fail(*args: Any, **options: Any) -> Any:
        raise RuntimeError("The size of tensor a (13)\nmust match")

    monkeypatch.setattr(LlamaForCausalLM, "forward", fail)
    with pytest.raises(
        UserError, match=rf"{whole}: the model that config\.json .* can't run \(The size"
    ) as caught:
        load_model(whole)
    assert "\n" not in str(caught.value)


def test_a_trial_changes_no_later_result(whole: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    model = load_model(whole)
    assert torch.equal(torch.rand(3), expected)
    assert not model.training and not any(parameter.grad is not None for parameter in model.parameters())


def test_code_of_a_folder_that_never_runs_is_told(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    check_model(model)
    assert "auto_map" not in caplog.text
    check_model(edit_json(model, auto_map={"AutoModelForCausalLM": "modeling_x.XForCausalLM"}))
    assert "modeling_x.XForCausalLM" in caplog.text and "transformers' LlamaForCausalLM" in caplog.text
