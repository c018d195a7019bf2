"""Scripts report user errors in one line, and end with the run that started them."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from processes import alive, wait_until
from pydantic import BaseModel, ConfigDict

from semalign.runtime.errors import UserError
from semalign.runtime.script import RUNNER_VARIABLE, run


def exit_code_after(error: BaseException) -> object:
    def main() -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        run(main)
    return ended.value.code


def test_an_error_that_a_user_can_cause_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RUNNER_VARIABLE, raising=False)
    assert exit_code_after(UserError("key x: found 1, expected 2")) == "error: key x: found 1, expected 2"
    assert exit_code_after(KeyboardInterrupt()) == 130


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "results/x"),
            "the disk is full while writing results/x",
        ),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk quota is used up while writing an artifact"),
        (RuntimeError("No space left on device (os error 28)"), "the disk is full while writing an artifact"),
    ],
)
def test_a_full_disk_is_one_line(error: Exception, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RUNNER_VARIABLE, raising=False)
    assert exit_code_after(error) == f"error: {message}; free some space and start again"


@pytest.mark.slow
def test_a_file_size_limit_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    code = textwrap.dedent(
        """
        import resource, sys, torch
        from pathlib import Path
        from safetensors.torch import save_file
        from semalign.runtime.files import replace_folder
        from semalign.runtime.script import run

        def main():
            with replace_folder(Path(sys.argv[1])) as folder:
                save_file({"x": torch.zeros(100_000)}, folder / "x.safetensors")

        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        run(main)
        """
    )
    bare = {name: value for name, value in os.environ.items() if name != RUNNER_VARIABLE}
    command = [sys.executable, "-c", code, str(tmp_path / "made")]
    ended = subprocess.run(command, capture_output=True, text=True, env=bare)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: a file would exceed this session's file-size limit while writing ")
    assert not list(tmp_path.iterdir())


def test_an_error_in_the_code_keeps_its_traceback_and_ends_with_a_line_for_the_display(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(RUNNER_VARIABLE, raising=False)
    lines = str(exit_code_after(ZeroDivisionError("division by zero"))).splitlines()
    assert lines[0].startswith("Traceback") and "raise error" in "".join(lines)
    last = "error: internal error: ZeroDivisionError: division by zero; please report it with this log"
    assert lines[-1] == last


class Stage(BaseModel):
    """Settings as those of a stage."""

    model_config = ConfigDict(extra="forbid")
    top: int = 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"top": "x"},
            "top: input should be a valid integer, unable to parse string as an integer (found 'x')",
        ),
        ({"topp": 1}, "found unknown key 'topp'"),
        ({"top": None}, "top: input should be a valid integer (found None)"),
    ],
)
def test_mistakes_in_a_stages_settings_are_one_line_each(
    settings: dict[str, object], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(RUNNER_VARIABLE, raising=False)
    monkeypatch.setattr(sys, "argv", ["x.py", "--settings", "results/m/settings/a.json"])
    with pytest.raises(SystemExit) as ended:
        run(lambda: Stage.model_validate(settings) and None)
    assert ended.value.code == f"error: results/m/settings/a.json: {message}"


def test_the_environment_of_jobs_has_this_interpreter_first_and_one_thread() -> None:
    code = textwrap.dedent(
        """
        import os, sys
        from semalign.runtime.script import prepare_environment
        prepare_environment(watched=False)
        print(os.environ["PATH"].split(os.pathsep)[0], os.environ["OMP_NUM_THREADS"], "SEMALIGN_RUNNER" in os.environ)
        """
    )
    bare = {name: value for name, value in os.environ.items() if name != RUNNER_VARIABLE} | {
        "OMP_NUM_THREADS": "8"
    }
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=bare, check=True)
    assert ended.stdout.split() == [str(Path(sys.executable).parent), "1", "False"]


def test_a_script_dies_with_the_run_that_started_it(tmp_path: Path) -> None:
    """The run is killed with SIGKILL and cannot notify its jobs."""
    note = tmp_path / "pid"
    script = tmp_path / "job.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import os, time
            from pathlib import Path
            from semalign.runtime.script import run

            def main():
                Path({str(note)!r}).write_text(str(os.getpid()))
                time.sleep(60)

            run(main)
            """
        )
    )
    starter = textwrap.dedent(
        f"""
        import subprocess, sys
        from semalign.runtime.script import prepare_environment
        prepare_environment(watched=True)
        subprocess.run([sys.executable, {str(script)!r}])
        """
    )
    runner = subprocess.Popen([sys.executable, "-c", starter], start_new_session=True)
    assert wait_until(lambda: note.exists() and note.read_text() != "")
    job = int(note.read_text())
    assert alive(job)
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    assert wait_until(lambda: not alive(job))


def test_a_script_started_by_hand_outlives_a_runner_of_another_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(RUNNER_VARIABLE, "another-machine:1:1")
    seen = []
    run(lambda: (time.sleep(0.5), seen.append(True))[1])
    assert seen == [True]
