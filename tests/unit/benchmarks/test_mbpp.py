"""MBPP: official parts by task number, tests shown, references that pass."""

from pathlib import Path

import pytest
from fabricated_mirror import task, write_fabricated

from semalign.benchmarks.base import Example
from semalign.benchmarks.mbpp import build, entry_point_of, example, plain_code
from semalign.config.base import SPLITS
from semalign.config.benchmarks import RealBenchmark
from semalign.runtime.errors import UserError

SMALL = RealBenchmark(benchmark="mbpp", train=20, extract=4, align=6, validation=8, verify=False)


def run(item: Example, answer: str | None = None) -> None:
    exec("\n".join([item.prefix + (item.answer if answer is None else answer), *(item.tests or [])]), {})


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(
        "semalign.benchmarks.mbpp.SIZES", {"train": 20, "extract": 4, "align": 6, "validation": 8}
    )
    return str(write_fabricated(tmp_path / "mirror"))


def test_an_item_shows_its_tests_and_opens_a_code_block() -> None:
    item = example(task(601))
    assert item.prompt == (
        "Write a function that adds 601 to a number.\nThe function must pass these tests:\n```python\n"
        "assert add_601(1) == 602\nassert add_601(2) == 603\nassert add_601(3) == 604\n```\nHere it is:\n```python"
    )
    assert item.answer.startswith("\nimport math\ndef help_601(x):\n")
    assert "\r" not in item.answer and not item.answer[-1].isspace()
    assert item.tests is not None and item.tests[0] == "one = 1" and len(item.tests) == 4
    assert len(example(task(602)).tests or []) == 3
    assert item.entry_point == "add_601"
    assert item.fields is not None and item.fields["task_id"] == 601 and len(item.fields["test_list"]) == 3
    run(item)
    with pytest.raises(AssertionError):
        run(item, item.answer.replace("+ 601", "+ 1"))


def test_splits_follow_the_official_parts(mirror: str) -> None:
    prepared = build(SMALL, mirror)
    numbers = {split: [int(item.id.split("-")[2]) for item in prepared.splits[split]] for split in SPLITS}
    assert numbers["test"] == list(range(11, 40))
    assert all(511 <= number < 531 for number in numbers["validation"])
    trained = [*numbers["train"], *numbers["extract"], *numbers["align"]]
    assert len(set(trained)) == len(trained) == 30 and min(trained) > 600


def test_shots_are_the_authors_and_keep_the_source_s_bytes(mirror: str) -> None:
    shots = build(SMALL, mirror).shots
    assert [item.id for item in shots] == ["002", "003", "004"]
    assert shots[0].answer == "\n" + task(2)["code"]


def test_plain_code_and_the_entry_point_of() -> None:
    assert plain_code("\r\nx = 1 \r\n\r\ny = 2\t\r\n") == "x = 1\n\ny = 2"
    row = task(601) | {"test_list": ["assert set(add_601(1)) == set(x)"]}
    assert entry_point_of(row) == "add_601"
    with pytest.raises(UserError, match="task 601: found no test that calls a function of its code"):
        entry_point_of(row | {"code": "x = 1"})


def test_code_that_a_test_task_has_is_not_trained_on(tmp_path: Path, mirror: str) -> None:
    path = Path(mirror) / "mbpp/mbpp.jsonl"
    same = task(12) | {"task_id": 640, "text": "Other words for the same code."}
    same["code"] = same["code"].replace("# a comment", "# another").replace(" + ", "+")
    with path.open("a", encoding="utf-8") as file:
        import json

        file.write(json.dumps(same) + "\n")
    assert build(SMALL, mirror).origin["overlap"]["dropped"]["pool"]["same text"] == ["640"]
