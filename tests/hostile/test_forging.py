"""Wrong programs that try to look right: none may pass."""

from collections.abc import Callable

import pytest

from semalign.evaluation.sandbox import Limits, Verdict, run_many

Run = Callable[..., Verdict]

EVERYTHING = """
class Everything:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __bool__(self): return True
    __hash__ = None
"""

WRONG = {
    "an object equal to everything": (EVERYTHING + "def f(x): return Everything()", "error"),
    "an integer equal to everything": (
        "class Any(int):\n def __eq__(self, other): return True\ndef f(x): return Any(0)",
        "failed",
    ),
    "a string that says it is an integer": (
        "class Any(str):\n __class__ = int\n def __eq__(self, other): return True\ndef f(x): return Any('0')",
        "failed",
    ),
    "an exit with success while loading": ("import os\nos._exit(0)", "failed"),
    "an exit with success in the call": ("import os\ndef f(x): os._exit(0)", "failed"),
    "SystemExit": ("import sys\ndef f(x): sys.exit(0)", "failed"),
    "SystemExit while loading": ("raise SystemExit(0)", "failed"),
    "a success line": (
        "import sys\ndef f(x):\n print('passed', flush=True)\n print('1 passed', file=sys.stderr)\n return 0",
        "failed",
    ),
    "an end by a signal": ("import os, signal\ndef f(x): os.kill(os.getpid(), signal.SIGKILL)", "failed"),
    "a crash": ("import ctypes\ndef f(x): ctypes.string_at(0)", "failed"),
    "closed descriptors": ("import os\ndef f(x):\n os.closerange(0, 99)\n return 4", "failed"),
    "a missing function": ("def g(x): return 4", "failed"),
    "a syntax error": ("def f(x) return 4", "failed"),
    "an exception named like ours": (
        "class Broken(BaseException): status = 'passed'\ndef f(x): raise Broken('passed', '')",
        "failed",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_program_does_not_pass(run: Run, name: str) -> None:
    code, status = WRONG[name]
    verdict = run(code, "assert f(2) == 4")
    assert verdict.status == status, verdict


def test_an_object_equal_to_everything_is_no_evidence_in_any_place(run: Run) -> None:
    returned = {"[Everything()]": "[4]", "{1: Everything()}": "{1: 4}", "(Everything(),)": "(4,)"}
    for value, expected in returned.items():
        assert run(EVERYTHING + f"def f(x): return {value}", f"assert f(2) == {expected}").status == "error"
    for test in (
        "assert 4 == f(2)",
        "assert f(2) in [4]",
        "assert f(2)",
        "assert not f(2) != 4",
        "assert {f(2): 1}",
    ):
        assert run(EVERYTHING + "def f(x): return Everything()", test).status == "error", test


@pytest.mark.parametrize(
    "change",
    [
        "builtins.abs = lambda x: 0",
        "abs = lambda x: 0",
        "builtins.AssertionError = ValueError",
        "builtins.isinstance = lambda *_: True\nisinstance = builtins.isinstance",
        "import operator\noperator.eq = lambda *_: True",
        "import math\nmath.isclose = lambda *_, **__: True",
        "isclose = type = len = sum = all = sorted = lambda *_, **__: True",
        "import sys\nsys.modules['math'] = None",
    ],
)
def test_a_patched_builtin_stays_with_the_program(run: Run, change: str) -> None:
    code = f"import builtins\n{change}\ndef f(x): return 5.0"
    tests = ("assert abs(f(2) - 4) < 1e-6", "assert isinstance(f(2), int)", "assert math.isclose(f(2), 4)")
    for test in tests:
        assert run(code, test).status == "failed", test
    assert run(code, "assert all(len(str(part)) == 9 for part in [f(2)])").status == "failed"


def test_a_class_of_the_library_is_the_testers_own(run: Run) -> None:
    code = "def f(x): return {}\ndef Counter(*_): return {}"
    assert run(code, "assert f('aab') == Counter('aab')").status == "failed"
    assert run("def f(x): return {'a': 2}", "assert f('aa') == Counter('aa')").status == "passed"


STACK_WALK = """
import gc, sys
def f(x):
    frame = sys._getframe()
    while frame:
        for place in (frame.f_locals, frame.f_globals):
            for name, value in list(place.items()):
                if isinstance(value, list): value[:] = ["passed"]
                if isinstance(value, dict) and value is not place: value["status"] = "passed"
        frame = frame.f_back
    for value in gc.get_objects():
        if type(value) is dict and "status" in value: value["status"] = "passed"
    return 0
"""


def test_a_stack_walk_finds_no_judge(run: Run) -> None:
    assert run(STACK_WALK, "assert f(2) == 4").status in ("failed", "forged")


WRITES_EVERYWHERE = """
import json, os, struct
def f(x):
    for message in MESSAGES:
        data = json.dumps(message).encode()
        for descriptor in range(64):
            try: os.write(descriptor, struct.pack(">I", len(data)) + data)
            except OSError: pass
    return 0
"""


@pytest.mark.parametrize(
    "messages",
    [
        [{"token": "", "status": "passed", "detail": ""}],
        [{"status": "passed"}, {"cause": None, "candidate": [0, 0], "tester": [0, 0]}],
        [["passed"]],
        [["value"]],
        [["value", ["h", 99], [], []]],
        [["value", ["x"], ["l"], ["d"]]],
        [["value", ["d", 1], ["l"], ["d"]]],
        [["raised", "AssertionError", "__import__", "x"]],
    ],
)
def test_a_message_on_every_descriptor_is_no_verdict(run: Run, messages: list[object]) -> None:
    verdict = run(f"MESSAGES = {messages!r}\n{WRITES_EVERYWHERE}", "assert f(2) == 4")
    assert verdict.status in ("failed", "forged", "error"), verdict


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x04nope",
        b"\x00\x00\x9c\x40" + b"[" * 40000,
        b"\x00\x00\x13\x89" + b"9" * 5001,
    ],
)
def test_broken_frames_are_forgeries(run: Run, data: bytes) -> None:
    attempt = f"try: os.write(descriptor, {data!r})\n  except OSError: pass"
    code = f"import os\ndef f(x):\n for descriptor in range(3, 64):\n  {attempt}\n return 4"
    verdict = run(code, "assert f(2) == 4")
    assert verdict.status in ("forged", "output"), verdict


SEARCH = """
import ctypes, os
libc = ctypes.CDLL(None)
libc.write.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)
shift = bytes((value + 5) % 256 for value in range(256))
def f(needle):
    found = pages = 0
    source, sink = os.pipe()
    for start in {id(object()) >> 27, id([]) >> 27, id(shift) >> 27}:
        for page in range(start << 27, start + 1 << 27, 4096):
            # A pipe refuses an unmapped page where a plain read would crash.
            if libc.write(sink, page, 4096) == 4096:
                pages += 1
                found += bytes(needle) in os.read(source, 4096).translate(shift)
    return found, pages > 100
"""


def test_neither_tests_nor_earlier_programs_are_in_memory(limits: Limits) -> None:
    needle = b"needle-in-the-tests"
    # The program gets the text in an encoded form, so that scanning memory does not match its own copy.
    argument = [(value + 5) % 256 for value in needle]
    tests = [f"expected = {needle.decode()!r}", f"assert f({argument}) == (0, True)"]
    verdicts = run_many([(SEARCH, tests)] * 3, limits, workers=1)
    assert [verdict.status for verdict in verdicts] == ["passed"] * 3, verdicts
    leaking = [(f"kept = {needle.decode()!r}\n{SEARCH}", tests)]
    assert run_many(leaking, limits, workers=1)[0].status == "failed", "the search must find what is there"


REACH = """
import ctypes, os, signal
libc = ctypes.CDLL(None, use_errno=True)
def f(x):
    done = []
    for process in range(1, 12):
        if process in (os.getpid(), 0): continue
        if libc.ptrace(16, process, 0, 0) == 0: done.append(("ptrace", process))
        for name in ("mem", "maps", "environ"):
            try:
                os.close(os.open(f"/proc/{process}/{name}", os.O_RDWR if name == "mem" else os.O_RDONLY))
                done.append((name, process))
            except OSError: pass
        old = (ctypes.c_uint64 * 2)()
        if libc.prlimit(process, 7, None, ctypes.byref(old)) == 0: done.append(("prlimit", process))
        if libc.setpriority(0, process, 19) == 0: done.append(("setpriority", process))
    return done
"""


def test_other_processes_are_out_of_reach(run: Run) -> None:
    verdict = run(REACH, "assert f(0) == []")
    assert verdict.status == "passed", verdict


@pytest.mark.parametrize("number", ["SIGKILL", "SIGSTOP", "SIGINT", "SIGTERM", "SIGHUP", "SIGSEGV"])
def test_signals_to_everyone_win_nothing_and_spare_the_next(limits: Limits, number: str) -> None:
    everyone = f"""
import os, signal
def f(x):
    for process in [os.getppid(), *range(1, 60), -1]:
        if process != os.getpid():
            try: os.kill(process, signal.{number})
            except OSError: pass
    return 0
"""
    right = "def f(x): return 4"
    test = ["assert f(2) == 4"]
    verdicts = run_many([(everyone, test), (right, test)], limits, workers=1)
    assert verdicts[0].status in ("failed", "timeout"), verdicts
    assert verdicts[1].status == "passed", verdicts


def test_a_test_that_catches_everything_still_fails(run: Run) -> None:
    test = "try:\n    right = f(2) == 4\nexcept BaseException:\n    right = True\nassert right"
    assert run(EVERYTHING + "def f(x): return Everything()", test).status == "error"
    assert run("import os\ndef f(x): os._exit(0)", test).status == "failed"


def test_tests_that_never_call_the_program_are_no_pass(run: Run) -> None:
    assert run("def f(x): return 0", "assert True").status == "error"
    assert run("f = 4", "assert f == 4").status == "error"
