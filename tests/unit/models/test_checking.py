"""A model is checked wholly when it is prepared: against transformers' own model, and every value."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from edited_models import WEIGHTS, edit_json, edit_weights, in_shards, with_stale_shards
from fabricated_gguf import write_gguf
from fabricated_models import build_model

from semalign.models import families, gguf, inspection, loaded, values
from semalign.models.checking import check_model
from semalign.models.devices import Loading
from semalign.models.loading import load_model
from semalign.models.stage import prepare_model
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json

SHAPE: dict[str, Any] = {"layers": 3, "width": 32, "seed": 0}


def spoil(
    folder: Path, name: str, value: float, dtype: torch.dtype = torch.float32, file: str = WEIGHTS
) -> Path:
    """Put one value into the last place of a tensor."""

    def edit(tensors: dict[str, Any]) -> dict[str, Any]:
        tensors = {key: tensor.to(dtype) for key, tensor in tensors.items()}
        tensors[name].view(-1)[-1] = value
        return tensors

    return edit_weights(folder, edit, file)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_single_value_that_is_not_finite_is_found(value: float, dtype: torch.dtype, model: Path) -> None:
    check_model(model)
    spoil(model, "model.layers.1.mlp.up_proj.weight", value, dtype)
    with pytest.raises(UserError, match=rf"{WEIGHTS}: found NaN or infinity in model\.layers\.1\.mlp\.up"):
        check_model(model)


def test_it_is_found_in_any_part_and_in_any_file(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "PART", 1000)  # bytes, so that a matrix has many parts
    check_model(in_shards(model))
    names = json.loads((model / "model.safetensors.index.json").read_text())["weight_map"]
    spoil(model, "lm_head.weight", float("nan"), file=names["lm_head.weight"])
    edit_weights(
        model,
        lambda t: {
            **t,
            "model.norm.weight": t["model.norm.weight"].index_fill(0, torch.tensor([0]), float("inf")),
        },
        names["model.norm.weight"],
    )
    with pytest.raises(UserError) as caught:
        check_model(model)
    text = str(caught.value)
    assert (
        f"{names['lm_head.weight']}: found NaN" in text and f"{names['model.norm.weight']}: found NaN" in text
    )


def test_values_beyond_the_precision_of_loading_are_told(model: Path) -> None:
    spoil(model, "lm_head.weight", 7e4)
    check_model(model)
    check_model(model, Loading(dtype="bfloat16"))
    with pytest.raises(
        UserError, match=r"found values up to 7e\+04 in lm_head\.weight, expected at most 6\.55e\+04"
    ):
        check_model(model, Loading(dtype="float16"))


def test_memory_does_not_grow_with_the_model(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "PART", 2000)
    sizes = []
    measure = values._highest
    monkeypatch.setattr(values, "_highest", lambda part: sizes.append(part.numel() * 4) or measure(part))
    check_model(model)
    assert len(sizes) > 50 and max(sizes) <= 2000


def test_the_table_of_tensors_is_not_the_last_word(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(families.FAMILIES, "LlamaForCausalLM")
    edit_weights(model, lambda t: {name: t[name] for name in t if "layers.1.mlp.up" not in name})
    assert inspection.problems_of(model) == []
    for read in (check_model, load_model):
        with pytest.raises(UserError, match=r"found no model\.layers\.1\.mlp\.up_proj\.weight"):
            read(model)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"hidden_act": "swish3"}, r"config\.json: transformers can't build a model from it"),
        (
            {"num_labels": "three"},
            r"config\.json: transformers can't build a model from it",
        ),
        ({"dtype": "small"}, r"config\.json: transformers can't build a model from it"),
    ],
)
def test_what_only_the_library_knows_is_one_line(changes: dict[str, Any], expected: str, model: Path) -> None:
    edit_json(model, **changes)
    with pytest.raises(UserError, match=expected) as caught:
        check_model(model)
    assert "\n" not in str(caught.value)


def test_a_broken_tokenizer_is_one_line(model: Path) -> None:
    edit_json(
        model, "tokenizer.json", model={"type": "BPE", "vocab": {"a": 0, "</s>": 1}, "merges": [["b", "c"]]}
    )
    with pytest.raises(UserError, match="no readable tokenizer") as caught:
        check_model(model)
    assert "\n" not in str(caught.value)


def test_tokens_that_only_the_loaded_tokenizer_has_need_rows_too(model: Path) -> None:
    added = {"content": "<new>", "lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    settings = read_json(model / "tokenizer_config.json")
    decoder = {"259": {**added, "special": True}}
    edit_json(model, "tokenizer_config.json", added_tokens_decoder=decoder, eos_token=settings["eos_token"])
    check_model(model)
    decoder["259"]["special"] = False
    edit_json(model, "tokenizer_config.json", added_tokens_decoder=decoder)
    with pytest.raises(UserError, match=r"the tokenizer's '<new>' has id 259, expected an id below 259"):
        check_model(model)


def test_a_model_whose_class_is_another_is_refused_when_loaded(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semalign.models.configs._type", lambda *_: [])
    edit_json(model, model_type="mistral", sliding_window=None, num_key_value_heads=2)
    for read in (check_model, load_model):
        with pytest.raises(UserError, match=r"Mistral.*expected LlamaForCausalLM"):
            read(model)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("missing_keys", {"model.layers.0.mlp.up_proj.weight"}),
        ("unexpected_keys", {"x.weight"}),
        ("mismatched_keys", {("lm_head.weight", (1, 2), (3, 4))}),
        ("error_msgs", ["odd"]),
    ],
)
def test_what_transformers_says_of_the_loading_is_believed(
    key: str, value: Any, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModelForCausalLM

    load = AutoModelForCausalLM.from_pretrained

    def altered(*args: Any, **options: Any) -> Any:
        model, info = load(*args, **options)
        return model, {**info, key: value}

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", altered)
    with pytest.raises(UserError, match=rf"{WEIGHTS}: "):
        load_model(whole)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(12, "Cannot allocate memory"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried to"
        ),
        RuntimeError("can't start new thread"),
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_lack_of_memory_is_not_blamed_on_the_files(
    error: Exception, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModelForCausalLM

    def fail(*args: Any, **options: Any) -> Any:
        raise error

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", fail)
    with pytest.raises(UserError, match="not enough memory") as caught:
        load_model(whole)
    assert "read" not in str(caught.value)


def test_an_address_space_limit_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "dtype" in loaded._limit()
    monkeypatch.setattr(resource, "getrlimit", lambda _: (3 * 2**30, 3 * 2**30))
    assert loaded._limit() == "; this session may use 3.0 GiB of address space, raise it (ulimit -v)"


def prepare(folder: Path, tmp_path: Path, **settings: Any) -> Path:
    """Run the stage on a user's folder."""
    write_json(tmp_path / "settings.json", {"source": "folder", "path": str(folder), **settings})
    prepare_model(tmp_path / "settings.json", tmp_path / "checkpoint", tmp_path / "out")
    return tmp_path / "out"


def test_a_prepared_folder_holds_just_the_files_that_are_read(
    model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = prepare(with_stale_shards(model), tmp_path)
    assert sorted(path.name for path in out.glob("*.safetensors")) == [
        f"model-{at:05}-of-00003.safetensors" for at in (1, 2, 3)
    ]
    stale = ["model-00001-of-00001.safetensors", "zzz.safetensors"]
    assert read_json(out / "run.json")["origin"] == {"source": "folder", "unread": stale}
    assert all(name in caplog.text for name in stale)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_preparation_names_the_users_own_file(value: float, model: Path, tmp_path: Path) -> None:
    spoil(model, "model.norm.weight", value)
    with pytest.raises(UserError, match="found NaN or infinity") as caught:
        prepare(model, tmp_path)
    assert str(caught.value).startswith(str(model / WEIGHTS))


def test_preparation_knows_the_precision(model: Path, tmp_path: Path) -> None:
    spoil(model, "model.norm.weight", 1e5)
    prepare(model, tmp_path)
    with pytest.raises(UserError, match="dtype: float16"):
        prepare(model, tmp_path, dtype="float16")


def test_a_damaged_folder_leaves_nothing_prepared(model: Path, tmp_path: Path) -> None:
    os.truncate(model / WEIGHTS, 1000)
    with pytest.raises(UserError, match="damaged or incomplete"):
        prepare(model, tmp_path)
    assert not (tmp_path / "out").exists()


GGUF: dict[str, Any] = {"source": "gguf-package", "package": "pico", "file": "pico.gguf"}
SETTINGS = gguf.GgufPackage(**GGUF)


def of_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(gguf, "package_folder", lambda package: folder)
    return folder / "pico.gguf"


@pytest.mark.parametrize("size", [0, 3, 4, 20, 100, 1000, 4000, 20_000, -1])
def test_a_gguf_file_that_was_cut_is_one_line(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = of_package(tmp_path, monkeypatch)
    write_gguf(path)
    assert gguf.problems_of(SETTINGS, "models.a") == []
    os.truncate(path, path.stat().st_size + size if size < 0 else size)
    (line,) = gguf.problems_of(SETTINGS, "models.a")
    assert line.startswith(f"models.a: {path}: found ") and "\n" not in line
    with pytest.raises(UserError, match="found"):
        gguf.write_gguf_model(SETTINGS, tmp_path / "out")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        ("<html>" * 100, "a page of text"),
        ("GGUF" + "x" * 5000, "damaged or incomplete header"),
    ],
)
def test_something_else_in_place_of_a_gguf_file_is_one_line(
    content: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_package(tmp_path, monkeypatch).write_text(content)
    (line,) = gguf.problems_of(SETTINGS, "models.a")
    assert expected in line


def test_a_gguf_file_of_another_kind_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = of_package(tmp_path, monkeypatch)
    write_gguf(path, rule="llama-bpe")
    assert (
        "tokenizer.ggml.pre: found 'llama-bpe', expected one of smollm" in gguf.problems_of(SETTINGS, "a")[0]
    )
    content = path.read_bytes()
    path.write_bytes(content.replace(b"general.architecture", b"general.architectura", 1))
    assert "general.architecture: found None" in gguf.problems_of(SETTINGS, "a")[0]


def test_a_gguf_file_without_one_of_its_tensors_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = of_package(tmp_path, monkeypatch)
    write_gguf(path, without="blk.0.ffn_up")
    with pytest.raises(UserError, match=r"pico\.gguf: found not just the tensors .*up_proj") as caught:
        gguf.write_gguf_model(SETTINGS, tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_an_absent_package_is_one_line() -> None:
    absent = gguf.GgufPackage(source="gguf-package", package="absent_package", file="x.gguf")
    assert gguf.problems_of(absent, "models.a") == [
        "models.a: package absent_package: not installed, expected it with semalign (see pyproject.toml)"
    ]


def test_a_real_limit_of_address_space_is_named(tmp_path: Path) -> None:
    build_model("llama", layers=1, width=512, seed=0, vocabulary=100_000).save_pretrained(tmp_path)
    code = (
        "import resource, torch, transformers\n"
        "from semalign.models.loading import load_model\n"
        "from semalign.runtime.errors import UserError\n"
        "from pathlib import Path\n"
        "size = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (size + 150 * 2**20,) * 2)\n"
        "try:\n"
        f"    load_model({str(tmp_path)!r}, 'cpu')\n"
        "except UserError as error:\n"
        "    print(error)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert "not enough memory to load it: " in run.stdout and "address space" in run.stdout, (
        run.stdout + run.stderr
    )
