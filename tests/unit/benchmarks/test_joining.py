"""One rule joins prompt and answer, for answers and choices alike."""

import json
from pathlib import Path
from typing import Any

import pytest

from semalign.benchmarks.base import SPLITS, Example
from semalign.benchmarks.joining import at_the_space, gap, separated
from semalign.benchmarks.own import build
from semalign.config.benchmarks import FileBenchmark


def items(folder: Path, row: dict[str, Any], **settings: Any) -> list[Example]:
    rows = [{**row, "prompt": f"{at} {row['prompt']}"} for at in range(12)]
    (folder / "a.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows))
    splits = build("mine", FileBenchmark(path=str(folder / "a.jsonl"), **settings)).splits
    return [item for split in SPLITS for item in splits[split]]


@pytest.mark.parametrize(
    ("prompt", "answer", "whole"),
    [
        ("Answer:", "island", "Answer: island"),
        ("Answer: ", "island", "Answer: island"),
        ("Answer:  ", "island", "Answer:  island"),
        ("Answer:", " island", "Answer: island"),
        ("Answer: ", " island", "Answer:  island"),
        ("### Response:\n", "island", "### Response:\nisland"),
        ("Answer:\n\n", "island", "Answer:\n\nisland"),
        ("Answer:", "\nisland", "Answer:\nisland"),
        ("Answer:\t", "island", "Answer:\tisland"),
        ("Answer:\u00a0", "island", "Answer:\u00a0island"),
        ("答え\u3000", "島", "答え\u3000島"),
        ('She said "', "island", 'She said " island'),
        ("f(", "x)", "f( x)"),
        ("[INST] q [/INST]", "island</s>", "[INST] q [/INST] island</s>"),
        ("Answer:", "island \n", "Answer: island \n"),
    ],
)
def test_a_space_only_where_neither_side_has_white_space(
    prompt: str, answer: str, whole: str, tmp_path: Path
) -> None:
    other = gap("", answer) + "other" + answer[len(answer.rstrip()) :]  # the same white space around it
    for row in ({"answer": answer}, {"answer": answer, "choices": [other, answer]}):
        for item in items(tmp_path, {"prompt": prompt, **row}):
            assert (item.prompt + item.answer).partition(" ")[2] == whole
            if item.choices is not None and item.gold is not None:
                assert item.choices[item.gold] == item.answer
                assert len({gap("", choice) for choice in item.choices}) == 1  # all continue it alike
            else:
                assert item.target == answer.strip()


def test_the_prompts_last_spaces_belong_to_the_answer() -> None:
    assert at_the_space("Answer: ", ["island"]) == ("Answer:", [" island"])
    assert at_the_space("Answer:  ", ["a", "b"]) == ("Answer:", ["  a", "  b"])
    assert at_the_space("Answer:\n", ["island"]) == ("Answer:\n", ["island"])
    assert at_the_space("  ", ["island"]) == ("  ", ["island"])


def test_a_program_follows_on_a_line_of_its_own_and_keeps_its_prefix(tmp_path: Path) -> None:
    program = "def f(x):\n    return x"
    for item in items(tmp_path, {"prompt": "Write f.", "answer": program, "tests": ["assert f(1) == 1"]}):
        assert item.answer == f"\n{program}"
        compile(item.prefix + item.answer, "program", "exec")
    row = {
        "prompt": "def f(x):\n    ",
        "answer": "return x",
        "prefix": "def f(x):\n    ",
        "tests": ["assert f(1)"],
    }
    for item in items(tmp_path, row):
        assert (item.prompt.partition(" ")[2], item.answer, item.prefix) == (
            row["prompt"],
            "return x",
            row["prefix"],
        )


@pytest.mark.parametrize(
    ("separator", "whole"), [("", "答え：島"), ("\n", "答え：\n島"), (None, "答え： 島")]
)
def test_the_separator_can_be_chosen(separator: str | None, whole: str, tmp_path: Path) -> None:
    for item in items(tmp_path, {"prompt": "答え：", "answer": "島"}, separator=separator):
        assert (item.prompt + item.answer).partition(" ")[2] == whole


def test_white_space_is_what_python_says() -> None:
    for code in range(0x3100):
        character = chr(code)
        expected = "a" if character.isspace() else " a"
        assert separated(f"x{character}", "a") == expected
        assert separated("x", f"{character}a") == ("" if character.isspace() else " ") + f"{character}a"
