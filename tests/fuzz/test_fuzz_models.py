"""Model folders with files that are dropped, added, cut or flipped: the model that the files say, or clear lines."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_models import ARCHITECTURES, write_model
from hypothesis import given
from hypothesis import strategies as st
from outcomes import accepted, assert_clear
from safetensors.torch import load, load_file, save_file

from semalign.config.models import FolderModel
from semalign.models.inspection import problems_of
from semalign.models.loading import load_model, load_tokenizer, read_head
from semalign.models.stage import prepare_model
from semalign.runtime.files import write_json

KINDS = st.sampled_from(ARCHITECTURES)
WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untied models of every architecture; do not change them."""
    root = tmp_path_factory.mktemp("originals")
    for kind in ARCHITECTURES:
        write_model(root / kind, kind, layers=2, width=16, seed=1, vocabulary=260)
        (root / kind / "run.json").unlink()
    return root


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("changed")


def copied(originals: Path, folder: Path, kind: str) -> Path:
    """A new copy of one model."""
    shutil.rmtree(folder / "model", ignore_errors=True)
    shutil.copytree(originals / kind, folder / "model")
    return folder / "model"


def outcome(model: Path) -> Any | None:
    """The loaded model after preparation, or None if a check refused it."""
    if lines := problems_of(model, "models.own.path"):
        assert_clear(lines)
        return None
    out, settings = model.with_name("prepared"), model.with_name("settings.json")
    shutil.rmtree(out, ignore_errors=True)
    write_json(settings, FolderModel(source="folder", path=str(model)).model_dump(mode="json"))
    if accepted(lambda: prepare_model(settings, model.with_name("checkpoint"), out) or True) is None:
        return None
    return accepted(lambda: (load_tokenizer(out), read_head(out), load_model(out, device="cpu"))[-1])


def assert_from_files(loaded: Any, model: Path) -> None:
    """Assert that every tensor of a loaded model is one of the files, or shares its memory with one that is."""
    stored = load((model / WEIGHTS).read_bytes())
    for name, tensor in loaded.state_dict().items():
        assert torch.isfinite(tensor).all(), name
        same = stored.get(
            name, stored.get(name.replace("lm_head", "embed_out"))
        )  # the name in files of GPT-NeoX
        assert same is not None and torch.equal(tensor, same.float()), name
    head = read_head(model.with_name("prepared"))
    assert torch.equal(head.weight, loaded.get_output_embeddings().weight)
    assert torch.equal(head.input_embedding, loaded.get_input_embeddings().weight)


def assert_whole_or_refused(model: Path) -> None:
    if (loaded := outcome(model)) is not None:
        assert_from_files(loaded, model)


@given(kind=KINDS, data=st.data())
def test_changed_tensors(originals: Path, folder: Path, kind: str, data: st.DataObject) -> None:
    model = copied(originals, folder, kind)
    tensors = load_file(model / WEIGHTS)
    name = data.draw(st.sampled_from(sorted(tensors)), label="tensor")
    tensor = tensors[name]
    how = data.draw(
        st.sampled_from(["drop", "rename", "add", "cut", "transpose", "nan", "inf", "int", "half"]),
        label="change",
    )
    match how:
        case "drop":
            del tensors[name]
        case "rename":
            tensors[f"module.{name}"] = tensors.pop(name)
        case "add":
            tensors[f"{name}.extra"] = tensor.clone()
        case "cut":
            tensors[name] = tensor[:-1].contiguous()
        case "transpose":
            tensors[name] = tensor.T.contiguous() if tensor.ndim == 2 else tensor[None]
        case "nan" | "inf":
            tensor.view(-1)[data.draw(st.integers(0, tensor.numel() - 1))] = float(how)
        case "int":
            tensors[name] = (tensor * 10).to(torch.int8)
        case "half":
            tensors[name] = tensor.half()
    save_file(tensors, model / WEIGHTS, {"format": "pt"})
    loaded = outcome(model)
    square = tensor.ndim == 2 and tensor.shape[0] == tensor.shape[1]
    if how == "half" or (how == "transpose" and square):
        assert loaded is not None
    else:
        assert loaded is None, how
    if loaded is not None:
        assert_from_files(loaded, model)


@given(kind=KINDS, data=st.data())
def test_dropped_and_added_files(originals: Path, folder: Path, kind: str, data: st.DataObject) -> None:
    model = copied(originals, folder, kind)
    names = sorted(path.name for path in model.iterdir())
    name = data.draw(st.sampled_from(names), label="file")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    match data.draw(
        st.sampled_from(["drop", "empty", "folder", "pointer", "stale", "index"]), label="change"
    ):
        case "drop":
            (model / name).unlink()
        case "empty":
            (model / name).write_bytes(b"")
        case "folder":
            (model / name).unlink()
            (model / name).mkdir()
        case "pointer":
            (model / name).write_text(pointer)
        case "stale":
            tensors = {key: tensor + 1 for key, tensor in load_file(model / WEIGHTS).items()}
            save_file(tensors, model / "zz-stale.safetensors", {"format": "pt"})
        case _:
            places = dict.fromkeys(load_file(model / WEIGHTS), "model-00001-of-00002.safetensors")
            write_json(model / "model.safetensors.index.json", {"metadata": {}, "weight_map": places})
    assert_whole_or_refused(model)


@given(kind=KINDS, data=st.data())
def test_flipped_and_cut_bytes(originals: Path, folder: Path, kind: str, data: st.DataObject) -> None:
    model = copied(originals, folder, kind)
    name = data.draw(
        st.sampled_from(["config.json", "tokenizer.json", "tokenizer_config.json", WEIGHTS]), label="file"
    )
    content = bytearray((model / name).read_bytes())
    # most of the weights' file is numbers; its header is hit as often
    last = data.draw(st.sampled_from([min(2000, len(content)), len(content)]), label="within") - 1
    place = data.draw(st.integers(0, last), label="place")
    if data.draw(st.booleans(), label="cut"):
        del content[place : place + data.draw(st.sampled_from([1, 4, len(content)]), label="length")]
    else:
        content[place] ^= 1 << data.draw(st.integers(0, 7), label="bit")
    (model / name).write_bytes(content)
    assert_whole_or_refused(model)


CONFIG_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 5),
    st.sampled_from([2**40, 0.5, "", "llama", [], {}, [1, 2], float("inf")]),
)


@given(kind=KINDS, data=st.data())
def test_changed_configs(originals: Path, folder: Path, kind: str, data: st.DataObject) -> None:
    model = copied(originals, folder, kind)
    config = json.loads((model / "config.json").read_text())
    key = data.draw(st.sampled_from([*sorted(config), "quantization_config", "auto_map"]), label="key")
    if data.draw(st.booleans(), label="drop") and key in config:
        del config[key]
    else:
        config[key] = data.draw(CONFIG_VALUES, label="value")
    (model / "config.json").write_text(json.dumps(config))
    assert_whole_or_refused(model)
