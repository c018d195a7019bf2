"""Ctrl-C before the first job of a run ends it with one line; once jobs run, Snakemake stops them itself."""

import os
import signal
import sys
from typing import Any

MESSAGE = "interrupted before the first job; start again to go on"
_before: list[Any] = []  # handlers that were replaced


def end_quietly() -> None:
    """Let Ctrl-C end this process at once, with one line, until `hand_over` is called."""
    if not _before and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        _before.append(signal.signal(signal.SIGINT, _end))


def hand_over() -> None:
    """Give Ctrl-C back to Snakemake."""
    while _before:
        signal.signal(signal.SIGINT, _before.pop())


def _end(*_: Any) -> None:
    # not sys.exit: raised anywhere in Snakemake, it may be taken for an error or end in a stack trace
    sys.stdout.flush()
    print(f"\n{MESSAGE}", file=sys.stderr, flush=True)
    os._exit(130)
