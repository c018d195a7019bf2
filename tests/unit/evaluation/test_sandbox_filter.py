"""The filter of system calls, executed step by step as the kernel does."""

import platform
import struct

import pytest

from semalign.evaluation.sandbox import Limits
from semalign.evaluation.sandbox.inside import seccomp, syscalls

LIMITS = Limits(wall_seconds=5)


def answer(program: bytes, architecture: int, number: int, *arguments: int) -> int:
    """The filter's answer by the rules of classic BPF."""
    data = struct.pack("=iIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    steps = list(struct.iter_unpack("=HBBI", program))
    position = accumulator = 0
    while True:
        code, when_true, when_false, value = steps[position]
        position += 1
        if code == 0x06:
            return value
        if code == 0x20:
            accumulator = struct.unpack_from("=I", data, value)[0]
            continue
        true = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[code]
        position += when_true if true else when_false


ALLOW, REFUSE, UNKNOWN, KILL = 0x7FFF0000, 0x50001, 0x50026, 0x80000000


@pytest.mark.parametrize(
    ("machine", "column", "audit"), [("x86_64", 0, 0xC000003E), ("aarch64", 1, 0xC00000B7)]
)
@pytest.mark.parametrize("closed", [False, True])
def test_the_filter_answers_as_told(
    monkeypatch: pytest.MonkeyPatch, machine: str, column: int, audit: int, closed: bool
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    program = seccomp.assemble(process=77, closed=closed)

    def answers(name: str, *arguments: int) -> int:
        table = {**syscalls.FORBIDDEN, **syscalls.FORBIDDEN_WHEN_CLOSED, **syscalls.BY_ARGUMENT}
        number = table[name][column]
        assert number is not None
        return answer(program, audit, number, *arguments)

    for name, numbers in syscalls.FORBIDDEN.items():
        assert numbers[column] is None or answers(name) == REFUSE, name
    for name, numbers in syscalls.FORBIDDEN_WHEN_CLOSED.items():
        assert numbers[column] is None or answers(name) == (REFUSE if closed else ALLOW), name
    read = (0, 63)[column]
    assert answer(program, audit, read) == ALLOW
    assert answer(program, audit ^ 1, read) == KILL
    assert answer(program, audit, 0x40000000 + read) == UNKNOWN
    assert answer(program, audit, 435) == UNKNOWN
    assert answer(program, audit, 437) == UNKNOWN
    assert answer(program, audit, 436) == ALLOW
    thread, child, user_namespace = 0x3D0F00, 17, 0x10000011
    assert answers("clone", thread) == ALLOW
    assert answers("clone", child) == (REFUSE if closed else ALLOW)
    assert answers("clone", user_namespace) == REFUSE
    assert answers("clone", user_namespace | 0x10000) == (ALLOW if closed else REFUSE)
    assert (answers("prlimit64", 0), answers("prlimit64", 77), answers("prlimit64", 1)) == (
        ALLOW,
        ALLOW,
        REFUSE,
    )
    assert (answers("prctl", 1), answers("prctl", 15)) == (REFUSE, ALLOW)
    assert (answers("fcntl", 3, 8), answers("fcntl", 3, 10), answers("fcntl", 3, 1)) == (
        REFUSE,
        REFUSE,
        ALLOW,
    )
    assert (answers("ioctl", 0, 0x5412), answers("ioctl", 0, 0x5401)) == (REFUSE, ALLOW)
    assert (answers("kill", 77), answers("kill", 1)) == (ALLOW, REFUSE if closed else ALLOW)
