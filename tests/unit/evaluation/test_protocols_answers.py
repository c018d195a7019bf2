"""Scoring of answers by the protocols: extraction, samples, verdicts, and users' own items."""

from pathlib import Path
from typing import Any

import pytest
from protocol_items import ITEMS, Oracle, Says, scored, settings, write_real

from semalign.benchmarks.base import Example, write_split
from semalign.evaluation import harness
from semalign.evaluation.functions import final_number
from semalign.evaluation.items import summarise
from semalign.runtime.errors import UserError


@pytest.fixture(scope="module")
def benchmarks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_real(tmp_path_factory.mktemp("benchmarks"))


class Sometimes(Oracle):
    """Answers with the reference in the first of every four samples, otherwise with one of two wrong bodies."""

    def generate_until(self, requests: list[Any]) -> list[str]:
        wrong = ["    return None\n", "    return -1\n"]
        return [r.doc["answer"] if i % 4 == 0 else wrong[i % 2] for i, r in enumerate(requests)]


def test_pass_at_1_is_the_share_of_samples_that_pass(
    benchmarks: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from semalign.evaluation.sandbox import code

    ran: list[Any] = []
    run_many = code.run_many

    def counted(programs: list[Any], *rest: Any) -> Any:
        ran.extend(programs)
        return run_many(programs, *rest)

    monkeypatch.setattr(code, "run_many", counted)
    chosen = settings(samples={"humaneval": 8})
    found = scored(Sometimes(), "humaneval", benchmarks["humaneval"], chosen, ITEMS["humaneval"])
    for example, record in zip(ITEMS["humaneval"], found, strict=True):
        assert record.correct == 2 / 8
        assert record.response == example.answer
        assert len(record.responses) == 8
        assert [record.verdict, *(record.more_verdicts or [])] == ["passed", *["failed"] * 3] * 2
        assert record.responses[4] == example.answer
    assert len(ran) == 3 * len(ITEMS["humaneval"])  # equal programs are run once
    assert summarise(found, {"humaneval": "pass@1"})["score"] == 25.0


def test_samples_of_greedy_decoding_are_refused(benchmarks: dict[str, Path]) -> None:
    for protocol, name in (("paper", "gsm8k"), ("paper", "mmlu"), ("lm-eval", "humaneval")):
        with pytest.raises(UserError, match=rf"samples.{name}: found 4"):
            harness.load_task(name, benchmarks[name], settings(protocol, samples={name: 4}))


@pytest.mark.parametrize(
    ("text", "paper", "strict", "flexible"),
    [
        (" 1,003", 1, 0, 1),
        (" So the answer is 1003.", 1, 0, 1),
        (" #### 1,003", 1, 1, 1),
        (" #### 1003 and 4", 0, 1, 0),
        (" It costs $1003", 1, 0, 1),
        (" -1003", 1, 0, 0),
        (" 1003.0", 0, 0, 0),
        (" none", 0, 0, 0),
    ],
)
def test_extraction_of_gsm8k(
    benchmarks: dict[str, Path], text: str, paper: int, strict: int, flexible: int
) -> None:
    found = harness.run_task(Says(text), "gsm8k", benchmarks["gsm8k"], settings())[3]
    assert (found.correct, found.other_extractions) == (paper, None)
    found = harness.run_task(Says(text), "gsm8k", benchmarks["gsm8k"], settings("lm-eval"))[3]
    assert (found.correct, found.other_extractions) == (strict, {"flexible-extract": flexible})
    assert found.response == text
    assert summarise([found], {"gsm8k": "exact_match"})["other_extractions"] == {
        "flexible-extract": 100 * flexible
    }


@pytest.mark.parametrize(
    ("text", "number"),
    [("12,345,678", "12345678"), ("-3", "3"), ("-3.5 kg", "-3.5"), ("a 7.", "7"), ("1, 2", "2"), ("x", None)],
)
def test_final_number(text: str, number: str | None) -> None:
    assert final_number(text) == number


@pytest.mark.parametrize(
    ("example", "task"),
    [
        (Example("a", "Capital of France?", " Paris"), "own-text"),
        (Example("a", "Two lines:", "\none\ntwo"), "own-text"),
        (Example("a", "1+1=", " One more is 2.", target="2"), "own-text"),
        (Example("a", "Q", " x", choices=[" x", " y"], gold=0), "own-choices"),
        (Example("a", "Add 1", "\ndef f(x): return x + 1", tests=["assert f(1) == 2"]), "own-code"),
    ],
)
def test_a_users_own_items_are_scored(tmp_path: Path, example: Example, task: str) -> None:
    write_split(tmp_path, "test", [example])
    path = tmp_path / "test.jsonl"
    assert harness.describe("mine", path, settings())["task"] == task
    for knows in (True, False):
        found = scored(Oracle(knows), "mine", path, settings(), [example])
        assert [record.correct for record in found] == [float(knows)]


def test_own_text_may_go_on_behind_the_reference(tmp_path: Path) -> None:
    write_split(tmp_path, "test", [Example("a", "Capital?", " Paris")])
    right = [
        harness.run_task(Says(text), "mine", tmp_path / "test.jsonl", settings())[0].correct
        for text in ("Paris\nIt is big.", "\n Paris ", "Paris, France", "London\nParis")
    ]
    assert right == [1, 1, 0, 0]
