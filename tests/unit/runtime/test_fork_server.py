"""Jobs of the fork server have the output and status of a separate process, and none outlives its client."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import alive, wait_until

from semalign.runtime import fork_server as warm

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    before = os.environ.pop(warm.VARIABLE, None)
    warm.start_server()
    yield
    del os.environ[warm.VARIABLE]
    if before:
        os.environ[warm.VARIABLE] = before


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A script that does what its first argument says."""
    path = tmp_path / "job.py"
    path.write_text(
        textwrap.dedent(
            """
            import os, sys, time
            from pathlib import Path
            from semalign.runtime.errors import UserError
            from semalign.runtime.script import run

            def main():
                word = sys.argv[1]
                print("parent", os.getppid(), Path.cwd().name, "torch" in sys.modules)
                if word == "error":
                    raise UserError("key x: found 1, expected 2")
                if word == "sleep":
                    Path(sys.argv[2]).write_text(str(os.getpid()))
                    time.sleep(60)

            if __name__ == "__main__":
                run(main)
            """
        )
    )
    return path


def start(script: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(script), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=script.parent,
        env={**os.environ, **environment},
    )


def test_a_job_runs_in_a_fork_with_the_libraries_loaded(server, script: Path) -> None:
    process = start(script, "print")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out.split()[2:] == [script.parent.name, "True"]
    assert out.split()[1] != str(os.getpid())


def test_errors_keep_their_message_and_status(server, script: Path) -> None:
    process = start(script, "error")
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "error: key x: found 1, expected 2\n")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_job_ends_with_its_client(server, script: Path, tmp_path: Path, number: int) -> None:
    note = tmp_path / "pid"
    process = start(script, "sleep", str(note))
    assert wait_until(lambda: note.exists() and note.read_text(), 60)
    job = int(note.read_text())
    assert alive(job)
    process.send_signal(number)
    process.communicate(timeout=10)
    assert process.returncode != 0
    assert wait_until(lambda: not alive(job), 10)


def test_without_a_server_the_script_runs_in_its_own_process(script: Path) -> None:
    process = start(script, "print", **{warm.VARIABLE: "/nowhere/jobs"})
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out.split()[1] == str(os.getpid())


@pytest.mark.parametrize("length", [10, 60, 90, 200])
def test_the_socket_has_a_path_that_is_short_enough(
    tmp_path: Path, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / ("x" * length)
    place.mkdir()
    monkeypatch.setattr(warm.tempfile, "tempdir", str(place))
    listener, path = warm._listen()
    with listener:
        assert Path(path).is_socket() and Path(path).parent.stat().st_mode & 0o777 == 0o700


def test_without_a_place_for_the_socket_jobs_run_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm.tempfile, "tempdir", "/nowhere")
    monkeypatch.delenv(warm.VARIABLE, raising=False)
    warm.start_server()
    assert warm.VARIABLE not in os.environ
