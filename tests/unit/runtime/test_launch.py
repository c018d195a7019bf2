"""Mistakes in how Snakemake is started are one line each, before anything is read or written."""

import os
import resource
from pathlib import Path
from types import SimpleNamespace

import pytest

from semalign.runtime import launch
from semalign.runtime.errors import UserError
from semalign.runtime.launch import (
    check_device,
    check_limits,
    check_start,
    check_writable,
    config_files_read,
    place_cache,
)


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone as working directory, with a config and a table."""
    folder = tmp_path / "clone"
    for name in ("workflow/Snakefile", "config/config.yaml", "config/a.yaml", "results/s/tables/main.csv"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    monkeypatch.chdir(folder)
    return folder


def started(*words: str, snakefile: str | None = None, directory: str | None = None) -> SimpleNamespace:
    return SimpleNamespace(
        configfile=list(words) or None, snakefile=snakefile, directory=directory, config=None
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["config/a.yaml", "results/s/tables/main.csv"],
            "found results/s/tables/main.csv, expected config files",
        ),
        (
            ["config/a.yaml", "results/s/index.html"],
            "snakemake results/s/index.html --configfile config/a.yaml",
        ),
        (["config/a.yaml", "retrieve"], "name targets first: snakemake retrieve --configfile config/a.yaml"),
        (["retrieve"], "snakemake retrieve --configfile <config file>"),
        (["config/b.yaml"], "--configfile: config/b.yaml: found no such file, expected a config file (YAML)"),
        (["config"], "--configfile: config: found a folder, expected a config file (YAML)"),
    ],
)
def test_words_after_configfile_that_are_no_config_files(clone: Path, words: list[str], said: str) -> None:
    with pytest.raises(UserError) as refused:
        check_start(started(*words))
    (line,) = refused.value.lines
    assert said in line


@pytest.mark.parametrize(
    ("entry", "example"),
    [
        ("methods.sft.layers=all", "'methods={sft: {layers: all}}'"),
        ("seeds", "'seeds=[0, 1]'"),
        ('{"seeds": [1]}', "'seeds=[0, 1]'"),
        ("=3", "'seeds=[0, 1]'"),
    ],
)
def test_settings_that_snakemake_cannot_read_are_shown_as_they_should_be(
    clone: Path, entry: str, example: str
) -> None:
    options = started()
    options.config = ["seeds=[1]", entry]
    with pytest.raises(UserError) as refused:
        check_start(options)
    assert refused.value.lines == (
        f"--config: found {entry}, expected key=value with a key of the top level, such as {example}",
    )


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["--configfile", "a", "-n", "--configfile", "b"], "--configfile"),
        (["--configfile=a", "--configfiles", "b"], "--configfile"),
        (["--config", "a=1", "-C", "b=2"], "--config"),
    ],
)
def test_options_of_which_snakemake_reads_the_last_one(
    clone: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], option: str
) -> None:
    monkeypatch.setattr("sys.argv", ["snakemake", *words])
    with pytest.raises(
        UserError, match=f"^{option}: found it 2 times, of which Snakemake reads only the last one"
    ):
        check_start(started())
    monkeypatch.setattr(
        "sys.argv", ["snakemake", "--configfile", "a", "b", "--config", "c=1", "--", "--configfile"]
    )
    check_start(started())


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SEMALIGN_MIROR", "/x", "SEMALIGN_MIROR: unknown environment variable, expected one of SEMALIGN_DEVICE, "),
        ("SEMALIGN_DEVICE", "gpu", "SEMALIGN_DEVICE: found 'gpu', expected one of auto, cpu, cuda"),
    ],
)  # fmt: skip
def test_a_misspelt_variable_is_not_passed_over(
    clone: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError) as refused:
        check_start(started())
    assert refused.value.lines[0].startswith(said)
    assert "(did you mean " in refused.value.lines[0]
    monkeypatch.delenv(name)
    monkeypatch.setenv("SEMALIGN_DEVICE", "cpu")
    monkeypatch.setenv("SEMALIGN_MIRROR", "/x")
    check_start(started())


def test_config_files_are_taken_wherever_they_are(clone: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    check_start(started("config/a.yaml", "../mine"))
    check_start(started())
    assert config_files_read(started("config/a.yaml")) == ["config/a.yaml"]
    assert config_files_read(started()) == ["config/config.yaml"]


def test_another_working_directory_is_refused(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=r"--directory: found .*/other, expected the root of the repository"):
        check_start(started(directory=str(tmp_path / "other")))
    check_start(started(directory=".", snakefile="workflow/Snakefile"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    snakefile = str(clone / "workflow/Snakefile")
    with pytest.raises(UserError, match=f"working directory: found .*/elsewhere, .* cd {clone}"):
        check_start(started(snakefile=snakefile))
    check_start(started(snakefile=snakefile, directory=str(clone)))


def test_a_path_with_braces_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a{b}c").mkdir()
    monkeypatch.chdir(tmp_path / "a{b}c")
    with pytest.raises(UserError, match="expected a path without braces"):
        check_start(started())


def test_folders_that_cannot_be_written_are_named(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_writable(Path("results/s"), depth=3)
    check_writable(Path("results/new"), depth=3)
    access = os.access
    closed = {"results/s/tables"}
    monkeypatch.setattr(
        launch.os, "access", lambda path, mode: str(path) not in closed and access(path, mode)
    )
    with pytest.raises(UserError, match="results/s/tables: found a folder that can't be written"):
        check_writable(Path("results/s"), depth=3)
    closed.add(".")
    with pytest.raises(UserError, match="working directory: found a folder that can't be written"):
        check_writable(Path(".snakemake"))
    Path("results/file").touch()
    with pytest.raises(UserError, match="results/file: found a file, expected a folder"):
        check_writable(Path("results/file"))


@pytest.mark.parametrize("home", ["file", "file/below", "/proc"])
def test_caches_move_if_home_cannot_be_written(
    clone: Path, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (clone / "file").touch()
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(clone / home))
    place_cache()
    assert os.environ["XDG_CACHE_HOME"] == str(clone / ".snakemake/cache")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(clone))
    place_cache()
    assert "XDG_CACHE_HOME" not in os.environ


def test_a_limit_below_what_the_libraries_need_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1 << 30, 1 << 30))
    with pytest.raises(UserError, match="ulimit -v: found 1024 MB, expected at least 2048 MB"):
        check_limits()
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    check_limits()


def test_a_gpu_that_is_certainly_not_there_is_told_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "GPUS", (str(tmp_path / "gpu"),))
    monkeypatch.delenv("SEMALIGN_DEVICE", raising=False)
    check_device("auto")
    with pytest.raises(
        UserError, match=r"^device: found cuda, but this machine has no GPU; expected one, or auto or"
    ):
        check_device("cuda")
    monkeypatch.setenv("SEMALIGN_DEVICE", "cuda")
    check_device("cpu")  # the config is stronger
    with pytest.raises(UserError, match=r"^SEMALIGN_DEVICE: found cuda"):
        check_device("auto")
    (tmp_path / "gpu").touch()
    check_device("cuda")
