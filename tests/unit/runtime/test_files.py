"""Artifacts are complete or absent, whatever happens while they are written."""

import errno
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from semalign.runtime import files
from semalign.runtime.files import (
    read_json,
    read_jsonl,
    remove_empty,
    remove_partial,
    replace_file,
    replace_folder,
    write_json,
    write_jsonl,
    write_text,
)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    write_json(tmp_path / "new/a.json", {"ä": [1.5, None]})
    write_jsonl(tmp_path / "b.jsonl", [{"id": 1}, {"id": "zwei"}])
    assert read_json(tmp_path / "new/a.json") == {"ä": [1.5, None]}
    assert read_jsonl(tmp_path / "b.jsonl") == [{"id": 1}, {"id": "zwei"}]
    assert {path.name for path in tmp_path.iterdir()} == {"new", "b.jsonl"}


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o007, 0o077])
def test_all_files_and_folders_have_the_mode_that_the_umask_says(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_text(tmp_path / "a.txt", "text")
        with replace_file(tmp_path / "b.safetensors") as file:
            save_file({"x": torch.zeros(1)}, file)
        with replace_folder(tmp_path / "c") as folder:
            (folder / "d").mkdir()
            save_file({"x": torch.zeros(1)}, folder / "d/e.safetensors")
            (folder / "link").symlink_to(tmp_path / "linked")
            (tmp_path / "linked").touch(0o600)
    finally:
        os.umask(before)
    modes = {path.name: path.lstat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert {modes.pop(name) for name in ("c", "d")} == {0o777 & ~umask}
    assert modes.pop("linked") == 0o600 & ~umask  # a user's own file is left as it is
    assert modes.pop("link")
    assert modes.keys() == {"a.txt", "b.safetensors", "e.safetensors"}
    assert set(modes.values()) == {0o666 & ~umask}


def test_an_error_names_the_final_path_and_a_long_name_gets_a_temporary_one(tmp_path: Path) -> None:
    write_text(tmp_path / f"{'n' * 250}.csv", "text")
    assert (tmp_path / f"{'n' * 250}.csv").read_text() == "text"
    with pytest.raises(OSError) as error, replace_folder(tmp_path / "made") as folder:
        (folder / "missing/file").touch()
    assert error.value.filename == str(tmp_path / "made/missing/file")


def test_nan_is_refused_and_the_old_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, 1)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, float("nan"))
    assert json.loads(path.read_text()) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_the_error_for_a_full_disk_names_the_file_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.Path, "open", full)
    with pytest.raises(OSError, match="No space left") as error:
        write_text(tmp_path / "a.txt", "text")
    assert error.value.filename == str(tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_gets_its_name_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "transfer"
    for text in ("first", "second"):
        with replace_folder(target) as folder:
            (folder / text).write_text(text)
            assert folder.parent == tmp_path
            assert folder.name.startswith(".transfer.") and folder.name.endswith(".partial")
    assert [path.name for path in target.iterdir()] == ["second"]
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(143)])
def test_after_an_interruption_the_old_folder_is_kept(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "transfer"
    target.mkdir()
    (target / "old").write_text("old")
    with pytest.raises(type(error)), replace_folder(target) as folder:
        (folder / "new").write_text("new")
        raise error
    assert [path.name for path in target.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [target]


def test_half_written_files_of_killed_processes_are_removed(tmp_path: Path) -> None:
    (tmp_path / "cells").mkdir()
    with pytest.raises(SystemExit), replace_folder(tmp_path / "gone"):
        raise SystemExit
    (tmp_path / "cells/.metrics.json.x1.partial").write_text("{")
    (tmp_path / "cells/.transfer.x1.partial").mkdir()
    (tmp_path / "cells/.transfer.x1.partial/.model.x2.partial").write_text("half")
    (tmp_path / "cells/metrics.json").write_text("{}")
    (tmp_path / "cells/a.partial").write_text("a name that a user chose")
    remove_partial(tmp_path)
    assert {path.name for path in tmp_path.rglob("*")} == {"cells", "metrics.json", "a.partial"}
    remove_partial(tmp_path / "nowhere")


def test_folders_without_files_are_removed(tmp_path: Path) -> None:
    for name in ("a/b/c", "a/d", "e/f"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "a/d/state.json").write_text("{}")
    remove_empty(tmp_path)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        "a",
        "a/d",
        "a/d/state.json",
    ]
    remove_empty(tmp_path / "none")
