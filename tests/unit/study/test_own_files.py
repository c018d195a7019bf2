"""Any change of the user's own files changes the list that the jobs depend on, and nothing else does."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from semalign.runtime.files import read_json
from semalign.study.definition import parse_study
from semalign.study.own_files import PIECE, PIECES, describe, listing_of, write_listings

STUDY = {
    "study": "s",
    "models": {
        "own": {"source": "folder", "path": "models/own"},
        "made": {"source": "tiny"},
        "cut": {
            "source": "pruned",
            "teacher": "own",
            "layers": 2,
            "text": [{"path": "data/corpus.txt"}],
        },
    },
    "benchmarks": {"facts": {}, "mine": {"path": "data/rows.jsonl", "test_path": "data/test.jsonl"}},
}
FILES = (
    "models/own/config.json",
    "models/own/model.safetensors",
    "data/corpus.txt",
    "data/rows.jsonl",
    "data/test.jsonl",
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)
        os.utime(name, (1000, 1000))
    return tmp_path


def listings() -> dict[str, tuple[int, object]]:
    """Name -> (time, content) of the lists after another start of the workflow."""
    write_listings(parse_study(STUDY), "results/s")
    folder = Path("results/s/settings/files")
    return {path.stem: (path.stat().st_mtime_ns, read_json(path)) for path in folder.iterdir()}


def write_older(path: Path) -> None:
    path.write_text("x" * path.stat().st_size)
    os.utime(path, (500, 500))


def write_at_the_same_time(path: Path) -> None:
    """Change a file and keep its size and time, as some tools do."""
    kept = path.stat()
    path.write_text("y" * kept.st_size)
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))


def turn_link(path: Path) -> None:
    """Turn a link from a file to another one of the same size and time."""
    for name in ("a", "b"):
        shutil.copy2(path, path.with_name(f"{name}.bin"))
    path.unlink()
    path.symlink_to("a.bin")
    listings()
    path.unlink()
    path.symlink_to("b.bin")


def test_only_what_is_made_from_own_files_has_a_list(project: Path) -> None:
    study = parse_study(STUDY)
    assert listings().keys() == {"model-own", "model-cut", "benchmark-mine"}
    assert listing_of(study, "r", "models", "made") == listing_of(study, "r", "benchmarks", "facts") == []
    assert listing_of(study, "r", "models", "own") == ["r/settings/files/model-own.json"]
    _, content = listings()["benchmark-mine"]
    assert list(content) == ["rows.jsonl", "test.jsonl"]  # type: ignore[call-overload]
    assert str(project) not in str(listings())


@pytest.mark.parametrize(
    ("file", "change", "changed"),
    [
        ("models/own/model.safetensors", lambda path: path.write_text("longer than before"), "model-own"),
        ("models/own/model.safetensors", lambda path: os.utime(path, (2000, 2000)), "model-own"),
        ("models/own/model.safetensors", write_older, "model-own"),
        ("models/own/model.safetensors", turn_link, "model-own"),
        ("models/own/tokenizer.json", lambda path: path.write_text("{}"), "model-own"),
        ("models/own/config.json", lambda path: path.unlink(), "model-own"),
        ("data/corpus.txt", write_older, "model-cut"),
        ("data/rows.jsonl", write_older, "benchmark-mine"),
        ("models/own/model.safetensors", write_at_the_same_time, "model-own"),
        ("data/rows.jsonl", write_at_the_same_time, "benchmark-mine"),
        ("data/test.jsonl", lambda path: path.write_text("other"), "benchmark-mine"),
    ],
)
def test_a_change_reaches_its_list_alone(
    project: Path, file: str, change: Callable[[Path], object], changed: str
) -> None:
    listings()
    before = listings()
    change(Path(file))
    after = listings()
    assert {name for name in after if after[name] != before[name]} == {changed}


def test_files_that_the_model_does_not_use_and_a_moved_clone_change_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = listings()
    (project / "models/own/notes.txt").write_text("notes")
    assert listings() == before
    moved = project.with_name("moved")
    project.rename(moved)
    monkeypatch.chdir(moved)
    assert listings() == before


def test_of_a_large_file_pieces_are_read_from_the_first_to_the_last(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    seen = set()
    for changed in (None, 0, 2 * PIECES * PIECE - 1):
        content = bytearray(2 * PIECES * PIECE)
        if changed is not None:
            content[changed] = 1
        path.write_bytes(content)
        os.utime(path, (1000, 1000))
        seen.add(str(describe([path])))
    assert len(seen) == 3
