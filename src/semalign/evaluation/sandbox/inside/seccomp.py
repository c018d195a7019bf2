"""A filter of system calls, assembled here so that no library is needed (seccomp(2), classic BPF).

It refuses what no judged program needs: sockets, other processes' memory and signals, mounts, new namespaces.
The closed form is for machines without namespaces: after it no file can be opened and no process started.

A filter is a small program that the kernel runs at every system call. It loads 32 bits of a fixed record (the call's
number, the architecture, six arguments), compares, jumps forward only, and returns what to do: allow, fail with an
error, or kill. Child processes inherit it, and it can't be removed.
"""

import errno
import platform
import struct

from .syscalls import BY_ARGUMENT, FIRST_NEW, FORBIDDEN, FORBIDDEN_WHEN_CLOSED, NEW_ALLOWED

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
# operation codes of classic BPF: load a word of the record, three kinds of conditional jump, return
_LOAD = 0x20
_EQUAL = 0x15
_AT_LEAST = 0x35
_ANY_BIT = 0x45
_RETURN = 0x06
# byte offsets in `struct seccomp_data`; an argument has 8 bytes, and the lower 4 come first on both architectures
_NUMBER_AT = 0
_ARCHITECTURE_AT = 4
_ARGUMENTS_AT = 16
# return values of a filter: allow, kill, fail with an error
_ALLOW = 0x7FFF0000
_KILL = 0x80000000
_REFUSE = 0x00050000 | errno.EPERM
_UNKNOWN = 0x00050000 | errno.ENOSYS
# On x86_64 a call with this bit uses the numbers of the x32 ABI, a second table that the rules below do not cover.
_X32 = 0x40000000

# flags of clone(2): all that make a new namespace (CLONE_NEW*), and the one for a thread in the same process
_NAMESPACES = 0x7E020000
_THREAD = 0x10000
# Commands that set the owner and signal of a descriptor: a program could use them to make the kernel signal another
# process.
_FCNTL_OWNER = (8, 10, 15)
_IOCTL_OWNER = (0x8901, 0x8902, 0x5412)
# PR_SET_PDEATHSIG: a program that reset it could outlive its sandbox.
_PRCTL_PARENT_SIGNAL = (1,)


def _step(code: int, value: int, when_true: int = 0, when_false: int = 0) -> bytes:
    """One instruction of 8 bytes; the jumps are numbers of instructions to skip."""
    return struct.pack("=HBBI", code, when_true, when_false, value)


def available() -> bool:
    """Whether the system call numbers of this machine are known."""
    return platform.machine() in _ARCHITECTURES


def _answer(numbers: list[int], action: int) -> bytes:
    """Answer the calls of these numbers with `action`, whatever their arguments are."""
    return b"".join(_step(_EQUAL, number, 0, 1) + _step(_RETURN, action) for number in numbers)


def _by_argument(number: int, position: int, test: bytes, tested: int, otherwise: int) -> bytes:
    """A rule for one call: `test` holds comparisons that jump over `return otherwise` to `return tested` if true."""
    # Only the lower 32 bits are examined. The kernel reads these arguments as 32-bit integers too, so nothing can be
    # hidden in the upper half. The call's number in the accumulator is overwritten, which is why every body returns.
    load = _step(_LOAD, _ARGUMENTS_AT + 8 * position)
    body = load + test + _step(_RETURN, otherwise) + _step(_RETURN, tested)
    return _step(_EQUAL, number, 0, len(body) // 8) + body


def _among(values: tuple[int, ...]) -> bytes:
    # Each comparison jumps over the later ones and `return otherwise` to `return tested`.
    return b"".join(_step(_EQUAL, value, len(values) - index, 0) for index, value in enumerate(values))


def _arguments(column: int, process: int, closed: bool) -> bytes:
    """Rules for calls that are allowed or refused depending on one argument.

    `process` is the id of the process that installs the filter, as seen inside its namespace if there is one. The
    process may set its own limits and, in the closed form, signal itself.
    """
    number = {name: numbers[column] or 0 for name, numbers in BY_ARGUMENT.items()}
    rules = [
        _by_argument(number["prlimit64"], 0, _among((0, process)), _ALLOW, _REFUSE),
        _by_argument(number["prctl"], 0, _among(_PRCTL_PARENT_SIGNAL), _REFUSE, _ALLOW),
        _by_argument(number["fcntl"], 1, _among(_FCNTL_OWNER), _REFUSE, _ALLOW),
        _by_argument(number["ioctl"], 1, _among(_IOCTL_OWNER), _REFUSE, _ALLOW),
    ]
    if closed:
        rules += [
            _by_argument(number["kill"], 0, _among((process,)), _ALLOW, _REFUSE),
            _by_argument(number["tgkill"], 0, _among((process,)), _ALLOW, _REFUSE),
            _by_argument(number["clone"], 0, _step(_ANY_BIT, _THREAD, 1, 0), _ALLOW, _REFUSE),
        ]
    else:
        rules.append(_by_argument(number["clone"], 0, _step(_ANY_BIT, _NAMESPACES, 1, 0), _REFUSE, _ALLOW))
    return b"".join(rules)


def assemble(process: int, closed: bool) -> bytes:
    """The filter for the process with this id; `closed` refuses files and processes too."""
    column, architecture = _ARCHITECTURES[platform.machine()]
    named = {**FORBIDDEN, **(FORBIDDEN_WHEN_CLOSED if closed else {})}
    numbers = [numbers[column] for numbers in named.values()]
    # The order matters: the first rule that matches decides. The architecture must be checked before a number means
    # anything; the allowed new calls come before the rule that refuses all other new calls.
    return b"".join(
        [
            _step(_LOAD, _ARCHITECTURE_AT),
            _step(_EQUAL, architecture, 1, 0) + _step(_RETURN, _KILL),
            _step(_LOAD, _NUMBER_AT),
            _step(_AT_LEAST, _X32, 0, 1) + _step(_RETURN, _UNKNOWN),
            _answer(list(NEW_ALLOWED.values()), _ALLOW),
            # A list of forbidden calls alone would allow those that later kernels add, so all calls above the table's
            # end fail with "no such call". clone3, whose flags the filter can't read through a pointer, fails likewise:
            # the C library then uses clone.
            _step(_AT_LEAST, FIRST_NEW, 0, 1) + _step(_RETURN, _UNKNOWN),
            _answer([number for number in numbers if number is not None], _REFUSE),
            _arguments(column, process, closed),
            _step(_RETURN, _ALLOW),
        ]
    )
