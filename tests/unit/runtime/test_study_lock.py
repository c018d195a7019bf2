"""Only one run of a study is allowed at a time, and the leftovers of a killed run are removed."""

import subprocess
import sys
from pathlib import Path

import pytest

from semalign.runtime import study_lock as singleton
from semalign.runtime.errors import UserError
from semalign.runtime.study_lock import hold_study

HOLD = (
    "from semalign.runtime.study_lock import hold_study; hold_study('s'); print('held', flush=True); input()"
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(singleton, "_held", [])


@pytest.fixture
def other() -> subprocess.Popen[str]:
    """Another process that holds the study `s`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_run_is_refused_and_names_the_first(other: subprocess.Popen[str]) -> None:
    with pytest.raises(
        UserError, match=rf"results/s: found another run \(process {other.pid}\), expected one"
    ):
        hold_study("s")
    assert not hold_study("s", only_look=True)
    assert hold_study("t"), "another study may run at the same time"


def test_a_killed_run_holds_nothing(other: subprocess.Popen[str]) -> None:
    other.kill()
    other.wait()
    assert hold_study("s", only_look=True)
    assert hold_study("s")


def test_only_looking_neither_locks_nor_removes_anything() -> None:
    leave_behind()
    assert hold_study("s", only_look=True)
    assert hold_study("s", only_look=True)
    assert len(list(Path().rglob("*.partial"))) == 3
    assert len(list(Path().rglob("locks/*.lock"))) == 2


def test_only_leftovers_of_the_study_are_removed() -> None:
    leave_behind()
    assert hold_study("s")
    assert [path.name for path in Path().rglob("locks/*.lock")] == ["1.output.lock"]
    assert {str(path) for path in Path("results").rglob("*") if path.is_file()} == {
        "results/s/cells/metrics.json",
        "results/t/.run.json.abc.partial",
    }


def leave_behind() -> None:
    """Write locks and half-written files of the studies s and t."""
    files = {
        ".snakemake/locks/0.output.lock": "results/s/cells/metrics.json\n",
        ".snakemake/locks/1.output.lock": "results/t/cells/metrics.json\n",
        "results/s/cells/metrics.json": "{}",
        "results/s/cells/.transfer.abc.partial/model.safetensors": "half",
        "results/s/.run.json.abc.partial": "{",
        "results/t/.run.json.abc.partial": "{",
    }
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
