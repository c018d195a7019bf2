"""A benchmark from the user's own data: a file of pairs and a line of config."""

import json
from pathlib import Path
from typing import Any

import pytest

from semalign.benchmarks.base import Prepared, read_split
from semalign.benchmarks.own import problems_of
from semalign.benchmarks.registry import module_of, own_files, prepare
from semalign.benchmarks.stage import prepare_benchmark
from semalign.config.base import SPLITS
from semalign.config.benchmarks import FileBenchmark
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json
from semalign.study.definition import parse_study


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def pairs(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [{"prompt": f"What is {i} + 1?", "answer": str(i + 1)} for i in range(start, start + count)]


def made(path: Path, **settings: Any) -> Prepared:
    return prepare("mine", FileBenchmark(path=str(path), **settings))


def test_one_line_of_config_is_enough(tmp_path: Path) -> None:
    write(tmp_path / "mine.jsonl", pairs(100))
    study = parse_study({"study": "s", "benchmarks": {"mine": {"path": str(tmp_path / "mine.jsonl")}}})
    settings = study.benchmarks["mine"]
    assert isinstance(settings, FileBenchmark)
    assert module_of("mine", settings) == "semalign.benchmarks.own"
    assert own_files(settings) == [str(tmp_path / "mine.jsonl")]
    assert problems_of("mine", settings) == []
    write_json(tmp_path / "settings.json", settings.model_dump(mode="json"))
    prepare_benchmark("mine", tmp_path / "settings.json", tmp_path / "out")
    sizes = {split: len(read_split(tmp_path / "out", split)) for split in SPLITS}
    assert sizes == {"train": 55, "extract": 5, "align": 10, "validation": 10, "test": 20}
    record = read_json(tmp_path / "out/run.json")
    assert list(record["origin"]["files"]) == ["mine.jsonl"]
    firsts = {split: read_split(tmp_path / "out", split)[0] for split in SPLITS}
    assert record["first"] == {split: item.prompt + item.answer for split, item in firsts.items()}


def test_a_file_of_the_working_directory_is_recorded_as_an_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for path in ("mine.jsonl", "../mine.jsonl"):
        write(Path(path), pairs(30))
        write_json("settings.json", FileBenchmark(path=path).model_dump(mode="json"))
        prepare_benchmark("mine", Path("settings.json"), Path("out"))
        inputs = read_json("out/run.json")["inputs"]
        assert [source["path"] for source in inputs.values()] == ([path] if path == "mine.jsonl" else [])


def test_splits_are_disjoint_and_drawn_by_seed(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.jsonl", pairs(60))
    first = made(path)
    prompts = [item.prompt for split in SPLITS for item in first.splits[split]]
    assert len(set(prompts)) == len(prompts) == 60
    assert made(path).splits == first.splits
    assert made(path, seed=1).splits != first.splits
    assert [len(made(path, train=7, test=9).splits[split]) for split in ("train", "test")] == [7, 9]


def test_an_answer_becomes_a_continuation_and_a_target(tmp_path: Path) -> None:
    rows = [*pairs(20), {"prompt": "Q", "answer": "It is\n7.", "target": "7", "id": "seven"}]
    items = {
        item.id.rpartition("-")[2]: item
        for found in made(write(tmp_path / "a.jsonl", rows)).splits.values()
        for item in found
    }
    assert (items["0001"].answer, items["0001"].target) == (" 1", "1")
    assert (items["seven"].answer, items["seven"].target) == (" It is\n7.", "7")


def test_choices_and_code(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"prompt": f"Q{i}", "answer": "b", "choices": ["a", "b"]} for i in range(10)
    ]
    for item in made(write(tmp_path / "a.jsonl", rows)).splits["test"]:
        assert (item.choices, item.gold, item.answer, item.target) == ([" a", " b"], 1, " b", None)
    rows = [{"prompt": f"Q{i}", "answer": "\nx = 1", "tests": ["assert x"]} for i in range(10)]
    for item in made(write(tmp_path / "a.jsonl", rows)).splits["test"]:
        assert (item.tests, item.answer, item.target) == (["assert x"], "\nx = 1", None)


def test_a_test_file_of_its_own_keeps_its_order_and_clears_training(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", pairs(40))
    test = write(tmp_path / "t.jsonl", [*pairs(5, start=100), pairs(1)[0]])
    prepared = made(path, test_path=str(test))
    assert [item.answer for item in prepared.splits["test"]] == [" 101", " 102", " 103", " 104", " 105", " 1"]
    assert prepared.origin["overlap"]["dropped"]["same text"] == ["0001"]
    assert len(prepared.origin["files"]) == 2


def test_prompts_that_share_a_long_beginning_or_differ_in_a_sign_are_different(tmp_path: Path) -> None:
    header = "Please read the following question with care and then write down the answer as one number: "
    rows = [{"prompt": f"{header}{i} {sign} 1", "answer": "1"} for i in range(20) for sign in "+-"]
    test = write(tmp_path / "t.jsonl", rows[:6])
    prepared = made(write(tmp_path / "a.jsonl", rows[6:]), test_path=str(test))
    assert sum(map(len, prepared.splits.values())) == 40


def test_a_prompt_that_comes_twice_is_taken_once(tmp_path: Path) -> None:
    prepared = made(write(tmp_path / "a.jsonl", [*pairs(30), *pairs(3)]))
    assert sum(map(len, prepared.splits.values())) == 30
    assert prepared.origin["overlap"]["dropped"]["repeated"] == ["0031", "0032", "0033"]


def test_what_is_no_such_file_or_too_small_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent.jsonl: no such file; expected a JSONL file"):
        made(tmp_path / "absent.jsonl")
    too_few = "found 4 different rows in .*, expected at least 5: test 1, extract 1, align 1, validation 1, train 1; "
    with pytest.raises(UserError, match=rf"benchmarks.mine: {too_few}add rows or set smaller sizes"):
        made(write(tmp_path / "a.jsonl", pairs(4)))
    too_few = (
        r"found 30 different rows in .* \(2 repeat others or are in the test file\), expected at least 64: "
    )
    with pytest.raises(UserError, match=rf"benchmarks.mine: {too_few}test 6, .*, train 50"):
        made(write(tmp_path / "a.jsonl", [*pairs(30), *pairs(2)]), train=50)
