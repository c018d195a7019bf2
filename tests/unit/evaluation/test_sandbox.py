"""The sandbox on honest programs: tests of every style, limits, order, refusals."""

import os
from pathlib import Path
from typing import Any

import pytest

from semalign.evaluation.sandbox import Limits, Verdict, isolation, judge, run_many, run_program
from semalign.evaluation.sandbox.verdict import decide
from semalign.evaluation.sandbox.worker import Worker, WorkerLost, memory_of
from semalign.runtime.errors import UserError

LIMITS = Limits(wall_seconds=5)


@pytest.fixture(autouse=True)
def _needs_a_sandbox(request: pytest.FixtureRequest) -> None:
    if "runs" in request.node.name and all(judge.trial(name) for name in isolation.STRONG):
        pytest.skip("this machine has no isolation")


RIGHT = {
    "assertions": ("def f(x): return x * 2", ["assert f(2) == 4", "assert f('a') == 'aa'"], None),
    "a check function": (
        "def helper(x): return -x\ndef f(x): return [x]",
        [
            "def check(candidate):\n assert candidate(1) == [1]\n assert candidate(helper(2)) == [-2]\n",
            "check(f)",
        ],
        "f",
    ),
    "a built-in's name": ("def sum(a, b): return a + b", ["assert sum(10, 15) == 25"], None),
    "a built-in's name as entry point": (
        "def sum(a, b): return a + b",
        ["assert abs(sum(-10, 5)) == 5"],
        "sum",
    ),
    "a module's name": ("def bisect(x): return x", ["assert bisect(math.floor(1.5)) == 1"], None),
    "arguments changed in place": ("def f(x): x.sort()", ["x = [2, 1]\nf(x)\nassert x == [1, 2]"], None),
    "named arguments": ("def f(*, x, y=1): return x + y", ["assert f(x=2) == 3"], None),
    "an exception": (
        "class Own(ValueError): pass\ndef f(x): raise Own('no')",
        ["try:\n    f(1)\n    assert False\nexcept ValueError as error:\n    assert str(error) == 'no'"],
        None,
    ),
    "a class": (
        "class Node:\n def __init__(self, value): self.value, self.next = value, None\n"
        "def length(node): return 0 if node is None else 1 + length(node.next)",
        ["head = Node(1)\nhead.next = Node(2)\nassert length(head) == 2 and head.next.value == 2"],
        None,
    ),
    "a method": ("class Solution:\n def f(self, x): return x", ["assert Solution().f(3) == 3"], None),
    "a generator": (
        "def f(n):\n for i in range(n): yield i",
        ["assert list(f(200)) == list(range(200))"],
        None,
    ),
    "an endless generator": (
        "def f():\n i = 0\n while True:\n  yield i\n  i += 1",
        ["import itertools\nassert list(itertools.islice(f(), 3)) == [0, 1, 2]\nassert next(f()) == 0"],
        None,
    ),
    "a counter": (
        "from collections import Counter\ndef f(x): return Counter(x)",
        ["assert f('aab') == {'a': 2, 'b': 1}"],
        None,
    ),
    "a constant": ("LIMIT = 3\ndef f(x): return x < LIMIT", ["assert f(LIMIT - 1)"], None),
    "a type as argument": ("def f(x, kind): return isinstance(x, kind)", ["assert f('a', str)"], None),
    "a data class": (
        "from dataclasses import dataclass\n@dataclass\nclass P:\n x: int = 0\ndef f(): return P(2).x",
        ["assert f() == 2"],
        None,
    ),
    "printing": ("def f(x):\n print('working')\n return x", ["assert f(1) == 1"], None),
    "line ends of another system": ("def f(x):\r\n\treturn x", ["assert f(1) == 1\r\n"], None),
}


@pytest.mark.parametrize("name", isolation.STRONG)
def test_right_programs_run_and_pass(name: str) -> None:
    if reason := judge.trial(name):
        pytest.skip(f"{name}: {reason}")
    verdicts = run_many(list(RIGHT.values()), LIMITS.model_copy(update={"isolation": name}), workers=2)
    assert {
        title: verdict for title, verdict in zip(RIGHT, verdicts, strict=True) if verdict.status != "passed"
    } == {}
    assert all(verdict.isolation.startswith(name) for verdict in verdicts)


WRONG = {
    "def f(x): return x": ("assert f(2) == 4", "failed", "AssertionError in test 1"),
    "def f(x): return 1 / 0": ("assert f(2) == 4", "failed", "ZeroDivisionError in test 1: division by zero"),
    "def g(x): return x": ("assert f(2) == 4", "failed", "NameError"),
    "def f(x) return x": ("assert f(2) == 4", "failed", "SyntaxError while loading"),
    "import nowhere": ("assert f(2) == 4", "failed", "ModuleNotFoundError while loading"),
    "import numpy": ("assert f(2) == 4", "failed", "ModuleNotFoundError while loading"),
    "def f(x): return object()": ("assert f(2) == 4", "error", "unsupported value"),
    "def f(h): return h(1)": (
        "assert f(lambda x: x) == 1",
        "error",
        "unsupported value: an argument of type function",
    ),
    "def f(x): return 4": ("assert f(2) = 4", "error", "the tests can't be read"),
}


def test_wrong_programs_run_and_say_why() -> None:
    verdicts = run_many([(code, [test]) for code, (test, _, _) in WRONG.items()], LIMITS, workers=2)
    for verdict, (_, status, detail) in zip(verdicts, WRONG.values(), strict=True):
        assert (verdict.status, verdict.detail[: len(detail)]) == (status, detail)


def test_verdicts_of_runs_keep_the_order_of_the_programs() -> None:
    programs = [
        (f"import time\ntime.sleep({0.2 if n % 3 == 0 else 0})\ndef f(): return {n}", ["assert f() % 2"])
        for n in range(9)
    ]
    statuses = [verdict.status for verdict in run_many(programs, LIMITS, workers=3)]
    assert statuses == ["failed", "passed"] * 4 + ["failed"]
    assert run_many([], LIMITS, workers=2) == []


def test_two_runs_draw_and_order_alike() -> None:
    code = "import random\ndef f(): raise ValueError(str((random.random(), list({'a', 'b', 'c', 'd'}))))"
    first, second = (run_program(code, ["f()"], LIMITS).detail for _ in range(2))
    assert first == second
    assert "0.8444218515250481" in first


def test_a_sandbox_runs_many_programs_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting a sandbox takes far longer than judging a program; `python -m bench --only verdicts` measures it."""
    started, judged = [], []

    class Counted(Worker):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            started.append(self)

        def run(self, *arguments: Any) -> Verdict:
            judged.append(arguments)
            return super().run(*arguments)

    programs = [("def f(x): return x + 1", ["assert f(1) == 2", "assert f(2) == 3"])] * 20
    run_program(*programs[0], LIMITS)  # the trial of the isolation
    monkeypatch.setattr(judge, "Worker", Counted)
    verdicts = run_many(programs, LIMITS, workers=2)
    assert [verdict.status for verdict in verdicts] == ["passed"] * 20
    assert len(started) <= 2
    assert len(judged) == 20


def test_no_isolation_is_refused_unless_words_allow_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "trial", lambda _: "not on this machine")
    program = ("def f(x): return x", ["assert f(1) == 1"])
    with pytest.raises(UserError, match="allow_weak_isolation: true"):
        run_program(*program, LIMITS)
    verdict = run_program(*program, LIMITS.model_copy(update={"allow_weak_isolation": True}))
    assert (verdict.status, verdict.isolation) == ("passed", "weak: rlimits alone")


def test_a_named_isolation_that_is_missing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "trial", lambda name: None if name == "seccomp" else "not on this machine")
    with pytest.raises(UserError, match="namespaces: not on this machine"):
        run_program(
            "def f(x): return x", ["assert f(1) == 1"], LIMITS.model_copy(update={"isolation": "namespaces"})
        )


@pytest.mark.parametrize(
    ("report", "cause", "ends", "status"),
    [
        ({"status": "passed", "detail": ""}, None, [0, 0], "passed"),
        ({"status": "passed", "detail": ""}, "wall", [9, 0], "timeout"),
        ({"status": "passed", "detail": ""}, "output", [9, 0], "output"),
        ({"status": "splendid", "detail": ""}, None, [0, 0], "error"),
        ({"status": "gone", "detail": ""}, None, [9, 10.0], "timeout"),
        ({"status": "gone", "detail": ""}, None, [9, 0.1], "failed"),
        ({"status": "gone", "detail": ""}, None, [0, 0.1], "failed"),
        ({"status": "failed", "detail": "MemoryError in test 1: "}, None, [0, 0], "memory"),
        (None, None, [9, 0.1], "failed"),
    ],
)
def test_decisions(report: dict[str, str] | None, cause: str | None, ends: list[float], status: str) -> None:
    assert decide(report, {"cause": cause, "candidate": ends, "tester": ends}, LIMITS)[0] == status


def test_memory_of_a_process_is_measured() -> None:
    before = memory_of(os.getpid())
    kept = bytearray(b"x" * (32 << 20))
    assert memory_of(os.getpid()) - before > 24 << 20
    del kept


class Fragile:
    """A worker that is lost with its first program, or with every program."""

    made = 0

    def __init__(self, *_: object) -> None:
        Fragile.made += 1

    def run(self, code: str, *_: object) -> Verdict:
        if code == "memory":
            raise MemoryError
        if Fragile.made == 1 or code == "always":
            raise WorkerLost("it ended")
        return Verdict("passed", "", 0.0, "namespaces")

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("code", "made", "status"), [("once", 2, "passed"), ("always", 2, "error"), ("memory", 1, "memory")]
)
def test_a_lost_sandbox_is_replaced_once(
    monkeypatch: pytest.MonkeyPatch, code: str, made: int, status: str
) -> None:
    monkeypatch.setattr(judge, "Worker", Fragile)
    monkeypatch.setattr(Fragile, "made", 0)
    with judge.Judge("namespaces", LIMITS) as it:
        assert it.run(code, ["assert f(1) == 1"]).status == status
    assert Fragile.made == made


def test_a_sandbox_that_does_not_come_up_is_a_users_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "interpreter", lambda: "/bin/false")
    with pytest.raises(UserError, match="does not start"), judge.Judge("weak", LIMITS) as it:
        it.run("def f(x): return x", ["assert f(1) == 1"])


def test_bubblewrap_as_root_says_which_folder_the_other_user_cannot_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    (closed / "bin").mkdir(parents=True)
    (closed / "bin/python").touch()
    monkeypatch.setattr(isolation, "_DRIVER", Path("/usr"))
    monkeypatch.setattr(isolation.shutil, "which", lambda _: "/usr/bin/bwrap")
    monkeypatch.setattr(isolation, "interpreter", lambda: str(closed / "bin/python"))
    monkeypatch.setattr(isolation, "user", lambda _: {"user": 65534})
    closed.chmod(0o700)
    assert "as root it runs as another user, who can't read /" in (isolation.obstacle("bubblewrap") or "")
    monkeypatch.setattr(isolation, "interpreter", lambda: "/usr")
    assert isolation.obstacle("bubblewrap") is None
    monkeypatch.setattr(isolation.shutil, "which", lambda _: None)
    assert isolation.obstacle("bubblewrap") == "found no program bwrap, expected the package bubblewrap"
