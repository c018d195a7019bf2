"""Ctrl-C before the first job is one line; afterwards it reaches the handler of before."""

import signal
import subprocess
import sys
import textwrap


def ended_after(code: str) -> subprocess.CompletedProcess[str]:
    """Run code that gets Ctrl-C at its end."""
    head = "import os, signal\nfrom semalign.runtime.interrupts import end_quietly, hand_over\n"
    tail = "\nos.kill(os.getpid(), signal.SIGINT)\nimport time\ntime.sleep(5)"
    return subprocess.run(
        [sys.executable, "-c", head + textwrap.dedent(code) + tail],
        capture_output=True,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def test_an_interrupt_before_the_first_job_is_one_line() -> None:
    ended = ended_after("end_quietly(); end_quietly()")
    assert ended.returncode == 130
    assert ended.stderr.split("\n") == ["", "interrupted before the first job; start again to go on", ""]


def test_once_jobs_run_an_interrupt_is_snakemakes() -> None:
    ended = ended_after("end_quietly(); hand_over(); hand_over()")
    assert "KeyboardInterrupt" in ended.stderr and "before the first job" not in ended.stderr


def test_an_ignored_interrupt_stays_ignored() -> None:
    ended = ended_after(
        "signal.signal(signal.SIGINT, signal.SIG_IGN); end_quietly()\nimport time; time.sleep = id"
    )
    assert ended.returncode == 0
