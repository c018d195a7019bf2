"""Results that were pushed and pulled: a fresh clone reruns nothing, an edited one only what it must."""

import importlib.util
import json
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from faults import SMALL, tables
from projects import call, dvc, git, snakemake

pytestmark = [
    pytest.mark.study,
    pytest.mark.skipif(shutil.which("git") is None, reason="needs git"),
]
CONFIG = SMALL[1]


def commit(folder: Path) -> None:
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "a step")


def with_stage(folder: Path) -> Path:
    """Point the stage of dvc.yaml to the small study, write its whole config to one file, and start a repository."""
    from semalign.config.extending import merged, read_yaml

    above = read_yaml(folder / CONFIG)
    whole = merged(read_yaml(folder / above.pop("extends")), above)
    plain = json.loads(json.dumps(whole))  # separate copies of sections that were YAML anchors in the file
    (folder / CONFIG).write_text(yaml.safe_dump(plain, sort_keys=False))
    stage = (folder / "dvc.yaml").read_text().replace("results/tiny", "results/mini")
    stage = stage.replace("config/config.yaml", CONFIG).replace("snakemake ", f"snakemake {' '.join(SMALL)} ")
    stage = stage.replace("verify_results.py", f"verify_results.py --config {CONFIG}")
    (folder / "dvc.yaml").write_text(stage)
    git(folder, "init", "--quiet")
    return folder


@pytest.fixture(scope="session")
def locked(undisturbed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The undisturbed study, locked by DVC and committed. Do not change it."""
    folder = tmp_path_factory.mktemp("locked") / "project"
    shutil.copytree(undisturbed, folder, symlinks=True)
    with_stage(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_SITE_CACHE_DIR", str(folder.parent / "site"))
        assert "verified: " in dvc(folder, "repro").stderr
    commit(folder)
    return folder


@pytest.fixture
def versioned(locked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the locked study that a test may change."""
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    return shutil.copytree(locked, tmp_path / "project", symlinks=True)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an S3 server on this machine, with a bucket."""
    if not all(importlib.util.find_spec(name) for name in ("moto", "dvc_s3")):
        pytest.skip("needs the packages in tests/faults/requirements-s3.txt")
    from moto.server import ThreadedMotoServer

    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        address = f"http://{host}:{port}"
        request = urllib.request.Request(f"{address}/versions", method="PUT")
        assert urllib.request.urlopen(request, timeout=10).status == 200
        yield address
    finally:
        server.stop()


@pytest.fixture(params=["folder", "s3"])
def remote(request: pytest.FixtureRequest, versioned: Path, tmp_path: Path) -> str:
    """A default remote of either kind, with everything locked pushed to it; returns its kind."""
    if request.param == "folder":
        dvc(versioned, "remote", "add", "--default", "store", str(tmp_path / "store"))
    else:
        address = request.getfixturevalue("bucket")
        dvc(versioned, "remote", "add", "--default", "store", "s3://versions/study")
        dvc(versioned, "remote", "modify", "store", "endpointurl", address)
    assert "pushed" in dvc(versioned, "push").stdout
    commit(versioned)
    return str(request.param)


def restored(source: Path, folder: Path) -> Path:
    """A fresh clone elsewhere, after what `make restore` does."""
    git(source, "clone", "--quiet", str(source), str(folder))
    assert not (folder / "results/mini").exists()
    dvc(folder, "pull")
    pruned = call(folder, "python", "scripts/verify_results.py", "--config", CONFIG, "--prune")
    assert "pruned: 0 artifacts" in pruned.stderr
    touched = snakemake(folder, *SMALL, "--touch", "--forceall", "--quiet", "all")
    assert touched.returncode == 0, touched.stderr
    return folder


def edit(folder: Path, path: str, value: object) -> None:
    """Set one value of the config, named by its dotted keys."""
    config = yaml.safe_load((folder / CONFIG).read_text())
    *sections, key = path.split(".")
    place = config
    for section in sections:
        place = place[section]
    place[key] = value
    (folder / CONFIG).write_text(yaml.safe_dump(config, sort_keys=False))


def records(folder: Path) -> dict[str, str]:
    """Record of a stage -> its text. It has the stage's duration, so it differs if the stage ran again."""
    paths = folder.glob("results/mini/**/run.json")
    return {str(path.relative_to(folder)): path.read_text() for path in paths}


def test_a_fresh_clone_reruns_nothing_and_an_edited_one_what_it_must(
    remote: str, versioned: Path, tmp_path: Path
) -> None:
    clone = restored(versioned, tmp_path / "elsewhere")
    ended = snakemake(clone, *SMALL)
    assert "Nothing to be done" in ended.stderr, ended.stderr[-3000:]
    assert "up to date" in dvc(clone, "status").stdout
    assert tables(clone) == tables(versioned)

    before = records(clone)
    for folder in (clone, versioned):  # one restored, one with its metadata
        edit(folder, "analysis.geometry.count", 4)
        dvc(folder, "repro")
    assert records(clone) == before, "a stage ran again that does not depend on the geometry"
    assert tables(clone) == tables(versioned)
    assert "up to date" in dvc(clone, "status").stdout


def test_an_experiment_changes_one_value_and_reruns_what_it_must(versioned: Path) -> None:
    before = records(versioned)
    said = dvc(versioned, "exp", "run", "-S", f"{CONFIG}:methods.sft.optimisation.epochs=3")
    assert "verified: " in said.stderr
    changed = {name for name, text in records(versioned).items() if before.get(name) != text}
    # transfer, answers and verdicts of its trial and cell, and its choice; no model, signal or other method
    assert len(changed) == 7, sorted(changed)
    assert all("/sft/" in name for name in changed)
    assert "epochs" in dvc(versioned, "params", "diff").stdout
    record = json.loads(
        (versioned / "results/mini/cells/mini/facts/sft/default/seed0/transfer/run.json").read_text()
    )
    assert record["settings"]["optimisation"]["epochs"] == 3


def test_the_stage_fails_where_the_results_are_not_the_configs(versioned: Path) -> None:
    stage = (versioned / "dvc.yaml").read_text()
    lines = [line for line in stage.splitlines() if not line.strip().startswith("- snakemake")]
    # as if Snakemake had trusted its metadata, or an old folder had been copied in
    (versioned / "dvc.yaml").write_text("\n".join(line for line in lines if "--prune" not in line) + "\n")
    edit(versioned, "methods.sft.optimisation.epochs", 3)
    locked = (versioned / "dvc.lock").read_bytes()
    ended = call(versioned, "python", "-m", "dvc", "repro")
    assert ended.returncode != 0
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert "made with other settings than the config's (" in line and "sft" in line
    assert "Traceback" not in ended.stderr
    assert (versioned / "dvc.lock").read_bytes() == locked
