"""HumanEval: its own test set, and MBPP's tasks in its form for training."""

import ast
from pathlib import Path

import pytest
from fabricated_mirror import task, write_fabricated
from test_mbpp import run

from semalign.benchmarks.humaneval import build, completion, docstring
from semalign.config.base import SPLITS
from semalign.config.benchmarks import RealBenchmark
from semalign.runtime.errors import UserError

SMALL = RealBenchmark(benchmark="humaneval", train=20, extract=4, align=6, validation=8, verify=False)


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    sizes = {"train": 20, "extract": 4, "align": 6, "validation": 8}
    monkeypatch.setattr("semalign.benchmarks.humaneval.SIZES", sizes)
    return write_fabricated(tmp_path / "mirror")


def test_a_test_item_is_the_raw_prompt_which_runs_before_the_answer(mirror: Path) -> None:
    prepared = build(SMALL, str(mirror))
    assert len(prepared.splits["test"]) == 6
    item = prepared.splits["test"][2]
    assert item.id == "humaneval-test-002"
    assert item.prompt == item.prefix and item.prompt.endswith('"""\n')
    assert item.answer == "    return x - 2\n"
    assert item.tests is not None and item.tests[1] == "check(less_2)"
    assert item.fields == {"task_id": "HumanEval/2"}
    run(item)
    with pytest.raises(AssertionError):
        run(item, "    return x\n")


def test_an_mbpp_task_becomes_a_signature_a_docstring_and_a_body() -> None:
    item = completion(task(601))
    assert item.prompt == (
        "import math\n\ndef help_601(x):\n    return x\n\ndef add_601(x):\n"
        '    """ Write a function that adds 601 to a number.\n    >>> add_601(1)\n    602\n    """\n'
    )
    assert item.answer == "    return help_601(x) + 601\n"
    run(item)
    with pytest.raises(AssertionError):
        run(item, "    return x\n")


def test_a_docstring_survives_quotes_and_tests_without_a_value() -> None:
    row = task(601) | {"text": 'Find """ and \\d.', "test_list": ["assert add_601(1)"]}
    assert ast.literal_eval(docstring(row).strip()) == " Find ''' and \\d.\n    "


def test_training_is_from_mbpp_s_train_tasks_and_keeps_clear_of_its_test_tasks(mirror: Path) -> None:
    import json

    same = task(640) | {"text": task(12)["text"]}
    with (mirror / "mbpp/mbpp.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(same) + "\n")
    prepared = build(SMALL, str(mirror))
    for split in SPLITS[:3]:
        assert all(601 <= int(item.id.split("-")[3]) < 640 for item in prepared.splits[split])
    assert all(511 <= int(item.id.split("-")[3]) < 531 for item in prepared.splits["validation"])
    assert prepared.origin["overlap"]["dropped"]["pool"]["same text"] == ["mbpp-640"]
    assert set(prepared.origin) == {"humaneval", "mbpp", "overlap"}


def test_a_function_that_is_not_at_the_top_is_refused() -> None:
    row = task(601) | {"code": "if True:\n  def add_601(x): return x"}
    with pytest.raises(UserError, match="MBPP's task 601: found no top-level function add_601"):
        completion(row)


def test_a_damaged_archive_is_one_line(mirror: Path) -> None:
    path = mirror / "humaneval/HumanEval.jsonl.gz"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(UserError, match=r"HumanEval.jsonl.gz: not a whole gzip file"):
        build(SMALL, str(mirror))
