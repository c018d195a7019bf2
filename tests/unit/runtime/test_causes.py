"""Errors that the machine or the session causes are one line; faults of the code are not explained away."""

import errno
import os
import resource
from pathlib import Path

import pytest
import torch

from semalign.runtime.causes import explain


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EACCES, "results/x: permission denied; expected a path that this user may read and write"),
        (errno.EPERM, "results/x: not permitted"),
        (errno.EROFS, "results/x: on a read-only file system; expected a path that can be written"),
        (errno.ENOENT, "results/x: no such file or folder"),
        (errno.ENOTDIR, "results/x: a part of this path is a file, expected a folder"),
        (errno.EISDIR, "results/x: found a folder, expected a file"),
        (errno.ENAMETOOLONG, "results/x: a name that is too long for this file system"),
        (errno.ELOOP, "results/x: a link that leads to itself"),
        (errno.EIO, "results/x: the disk failed"),
        (errno.ENOSPC, "the disk is full while writing results/x; free some space and start again"),
        (errno.EDQUOT, "the disk quota is used up while writing results/x"),
        (errno.EFBIG, "a file would exceed this session's file-size limit while writing results/x; raise it"),
        (errno.EMFILE, "results/x: too many open files: this session's limit is "),
        (errno.EAGAIN, "results/x: this machine or session has no room for another process"),
        (errno.ENOMEM, "this machine: not enough memory"),
    ],
)
def test_what_a_session_does_not_allow_is_one_line(number: int, said: str) -> None:
    line = explain(OSError(number, os.strerror(number), str(Path.cwd() / "results/x")))
    assert line and line.startswith(said) and "\n" not in line


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried"
        ),
        ImportError("libtorch_cpu.so: failed to map segment from shared object: Cannot allocate memory"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    ],
)
def test_memory_that_ran_out_is_one_line(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    what = "GPU" if "CUDA" in str(error) else "this machine"
    assert (explain(error) or "").startswith(f"{what}: not enough memory; use a smaller model or batch")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1 << 30, 1 << 30))
    assert "(this session's limit, ulimit -v, is 1024 MB)" in (explain(error) or "")


def test_errors_of_libraries_in_rust_are_read_from_their_text() -> None:
    line = explain(RuntimeError("I/O error: No space left on device (os error 28)"))
    assert line == "the disk is full while writing an artifact; free some space and start again"


@pytest.mark.parametrize(
    "error", [ZeroDivisionError(), KeyError("x"), ValueError("memory"), OSError("a socket")]
)
def test_a_fault_of_the_code_is_not_explained(error: Exception) -> None:
    assert explain(error) is None
