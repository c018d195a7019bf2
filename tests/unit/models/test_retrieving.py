"""Models from the hub: pinned, downloaded once with a connection, used without one, and no token is ever shown."""

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fabricated_hub import COMMIT, REPOSITORY, TOKEN, serve
from fabricated_models import write_model

from semalign.config.revisions import LOCKED, read_revisions, with_revisions, write_revisions
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json
from semalign.runtime.secrets import MaskedFormatter, masked
from semalign.study.definition import parse_study
from semalign.study.preflight import check_pinned

ROOT = Path(__file__).parents[3]
SETTINGS = {"source": "hub", "repository": REPOSITORY, "revision": COMMIT, "dtype": "bfloat16"}


def hub_study(revision: str = LOCKED) -> dict[str, Any]:
    return {"study": "s", "models": {"m": {"source": "hub", "repository": REPOSITORY, "revision": revision}}}


def run(
    script: str, *arguments: str, cwd: Path = ROOT, **environment: str
) -> subprocess.CompletedProcess[str]:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("HF_", "SEMALIGN_"))
    }
    inherited["PYTHONPATH"] = str(ROOT / "src")
    command = [sys.executable, str(ROOT / "scripts" / f"{script}.py"), *arguments]
    return subprocess.run(
        command, cwd=cwd, env=inherited | environment, capture_output=True, text=True, timeout=120
    )


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Any:
    model = write_model(tmp_path_factory.mktemp("hub") / "model", "llama", layers=1, width=16, seed=0)
    (model / "run.json").unlink()
    with serve(model) as served:
        yield served


def prepare(hub: Any, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    write_json(folder / "settings.json", SETTINGS)
    options = ("--settings", "settings.json", "--checkpoint", "checkpoint", "--out", "out/model")
    given = {"HF_ENDPOINT": hub[0], "HF_HOME": str(folder / "cache")} | environment
    return run("prepare_model", *options, cwd=folder, **given)


def texts_below(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.slow
def test_a_model_is_fetched_with_a_token_that_nothing_keeps(hub: Any, tmp_path: Path) -> None:
    ended = prepare(hub, tmp_path, HF_TOKEN=TOKEN)
    assert ended.returncode == 0, ended.stderr
    record = read_json(tmp_path / "out/model/run.json")
    assert record["origin"]["commit"] == COMMIT and "loading.json" in record["outputs"]
    assert TOKEN not in ended.stdout + ended.stderr
    assert TOKEN.encode() not in texts_below(tmp_path)
    asked = len(hub[1])
    again = prepare(hub, tmp_path, HF_HUB_OFFLINE="1")
    assert again.returncode == 0 and len(hub[1]) == asked, again.stderr


@pytest.mark.slow
def test_a_gated_model_says_which_licence_and_how_to_pass_the_token(hub: Any, tmp_path: Path) -> None:
    for token in ({}, {"HF_TOKEN": TOKEN + "wrong"}):
        ended = prepare(hub, tmp_path, **token)
        (line,) = [line for line in ended.stderr.splitlines() if line.startswith("error:")]
        assert ended.returncode == 1 and "Traceback" not in ended.stderr
        assert (
            f"accept its licence at https://huggingface.co/{REPOSITORY}" in line and "HF_TOKEN=hf_..." in line
        )
        assert TOKEN not in ended.stdout + ended.stderr


@pytest.mark.slow
def test_without_a_connection_the_line_names_the_stage_that_fetches(hub: Any, tmp_path: Path) -> None:
    ended = prepare(hub, tmp_path, HF_HUB_OFFLINE="1")
    assert (
        ended.returncode == 1
        and "run `snakemake --cores 4 retrieve --configfile <this config>`" in ended.stderr
    )


def test_commits_are_asked_for_once_and_written_down(hub: Any, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/revisions.lock").write_text("# kept\nz/other: abc\n", encoding="utf-8")
    models = "{m: {source: hub, repository: org/name, revision: locked}}"
    (tmp_path / "study.yaml").write_text(f"study: s\nmodels: {models}\n", encoding="utf-8")
    given = {"HF_ENDPOINT": hub[0], "HF_HOME": str(tmp_path / "cache"), "HF_TOKEN": TOKEN}
    ended = run("pin_revisions", "--configfile", "study.yaml", cwd=tmp_path, **given)
    assert ended.returncode == 0, ended.stderr
    lines = (tmp_path / "config/revisions.lock").read_text(encoding="utf-8").splitlines()
    assert lines == ["# kept", f"org/name: {COMMIT}", "z/other: abc"]
    asked = len(hub[1])
    assert run("pin_revisions", "--configfile", "study.yaml", cwd=tmp_path, **given).returncode == 0
    assert len(hub[1]) == asked


def test_a_locked_revision_is_the_commit_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert with_revisions(hub_study())["models"]["m"]["revision"] == LOCKED
    with pytest.raises(
        UserError, match=r"model org/name: no commit in config/revisions.lock, expected one; run"
    ):
        check_pinned(parse_study(hub_study()))
    write_revisions({REPOSITORY: COMMIT}, Path("config/revisions.lock"))
    study = parse_study(hub_study())
    assert study.models["m"].revision == COMMIT  # type: ignore[union-attr]
    check_pinned(study)
    assert parse_study(hub_study("v1.0")).models["m"].revision == "v1.0"  # type: ignore[union-attr]
    (tmp_path / "config/revisions.lock").write_text("[a]", encoding="utf-8")
    with pytest.raises(UserError, match="expected lines of the form"):
        read_revisions(tmp_path / "config/revisions.lock")


def test_a_token_is_hidden_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "an-odd-token")
    assert masked(f"a an-odd-token b {TOKEN} c") == "a *** b *** c"
    record = logging.LogRecord("x", logging.INFO, "f", 1, "said %s", (TOKEN,), None)
    assert MaskedFormatter("%(message)s").format(record) == "said ***"
    monkeypatch.delenv("HF_TOKEN")
    assert masked("hf_hub is no token") == "hf_hub is no token"


def test_a_traceback_shows_no_token(tmp_path: Path) -> None:
    code = (
        f"from semalign.runtime.script import run\ndef main(): raise RuntimeError('got {TOKEN}')\nrun(main)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "HF_TOKEN": TOKEN},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1 and "RuntimeError: got ***" in ended.stderr
    assert TOKEN not in ended.stderr.replace(code, "")


def test_only_the_scripts_that_fetch_may_ask_the_hub() -> None:
    online = {path.stem for path in (ROOT / "scripts").glob("*.py") if "online=True" in path.read_text()}
    assert online == {"prepare_model", "prepare_benchmark", "pin_revisions", "track_results"}
    code = (
        "import huggingface_hub, huggingface_hub.constants as c, os\nfrom semalign.runtime.script import run\n"
        "run(lambda: print(c.HF_HUB_OFFLINE, os.environ['HF_HUB_OFFLINE']))"
    )
    inherited = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=inherited | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )
    assert ended.stdout.strip() == "True 1", ended.stderr
