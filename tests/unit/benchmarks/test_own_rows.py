"""Every row of a user's own file is checked by its kind; all problems are said at once, the first of each kind."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from semalign.benchmarks.own import build, problems_of
from semalign.config.benchmarks import FileBenchmark
from semalign.runtime.errors import UserError

Row = dict[str, Any]
CHOICE: Row = {"prompt": "Q", "answer": "a", "choices": ["a", "b"]}
CODE: Row = {"prompt": "Q", "answer": "def f(): return 1", "tests": ["assert f() == 1"], "entry_point": "f"}


def pairs(count: int, start: int = 0) -> list[Row]:
    return [{"prompt": f"What is {i} + 1?", "answer": str(i + 1)} for i in range(start, start + count)]


def lines(*rows: Any) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def problems(folder: Path, data: bytes, **settings: Any) -> list[str]:
    """What is said of a file, without its name; building says exactly the same."""
    path = folder / "a.jsonl"
    path.write_bytes(data)
    section = FileBenchmark(path=str(path), **settings)
    found = problems_of("mine", section)
    if found:
        with pytest.raises(UserError) as caught:
            build("mine", section)
        assert list(caught.value.lines) == found
    else:
        build("mine", section)
    assert all("\n" not in line for line in found)
    return [line.replace(f"{path}: ", "", 1) for line in found]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer": 7}, "answer: found a number (7), expected a string (write it in quotes)"),
        ({"answer": None}, "answer: found null, expected a string (leave the key out if a row has none)"),
        ({"prompt": ["a"]}, "prompt: found a list, expected a string"),
        ({"prompt": {"a": 1}}, "prompt: found an object, expected a string"),
        ({"answer": True}, "answer: found true or false (True), expected a string"),
        ({"answer": ""}, "answer: found an empty text, expected a text"),
        ({"answer": "\u3000 \n"}, "answer: found only white space, expected a text"),
        ({"prompt": "\t"}, "prompt: found only white space, expected a text"),
        ({"target": " "}, "target: found only white space, expected a text"),
        ({"id": ""}, "id: found an empty text, expected a text"),
        ({"id": 1.5}, "id: found a number (1.5), expected a string"),
        ({"id": True}, "id: found true or false (True), expected a string"),
        ({"gold": 0}, "found gold without choices, expected it with choices only"),
        ({"prefix": "x = 1"}, "found prefix without tests, expected it with tests only"),
        ({"entry_point": "f"}, "found entry_point without tests, expected it with tests only"),
        ({"prompt": "a\0b"}, "prompt: found the control character NUL at character 2; remove it"),
        ({"answer": "a\x1b[0m"}, "answer: found the control character U+001B at character 2; remove it"),
        ({"answer": "a\x85"}, "answer: found the control character U+0085 at character 2; remove it"),
        (
            {"answer": "\ud800"},
            "answer: found half of a character (U+D800, a lone surrogate) at character 1; ",
        ),
        ({"id": "\udfff"}, "id: found '\\udfff', expected printable characters"),
        ({"id": "a\nb"}, "id: found 'a\\nb', expected printable characters"),
        (
            {"prompt": "caf\ufffd"},
            "prompt: found U+FFFD, the sign of an earlier wrong decoding at character 4; ",
        ),
        (
            {"target": "a\ufeff b"},
            "target: found a byte-order mark (U+FEFF) inside the text at character 2; ",
        ),
        ({"answer": "a\uffff"}, "answer: found U+FFFF, which is no character at character 2; "),
        ({"answer": "7\u200b"}, "answer: found the invisible character U+200B at the end; remove it"),
        ({"answer": "7\u00ad \n"}, "answer: found the invisible character U+00AD at the end; remove it"),
        ({"prompt": "\u2060Q"}, "prompt: found the invisible character U+2060 at the beginning; remove it"),
        (
            {"prompt": "a\u202eb"},
            "prompt: found the direction override U+202E, which shows a text in another ",
        ),
        ({"prompt": "a" * 1_000_001}, "prompt: found 1,000,001 characters, expected at most 1,000,000"),
    ],
)
def test_a_bad_text_is_named_with_line_key_and_place(change: Row, message: str, tmp_path: Path) -> None:
    [found] = problems(tmp_path, lines(*pairs(20), {"prompt": "Q", "answer": "x", **change}))
    assert found.startswith(f"line 21: {message}")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"choices": []}, "choices: found 0, expected at least two"),
        ({"choices": ["a"]}, "choices: found 1, expected at least two"),
        ({"choices": ["a", 2]}, "choices[1]: found a number (2), expected a string"),
        ({"choices": ["a", None]}, "choices[1]: found null, expected a string"),
        ({"choices": ["a", " "]}, "choices[1]: found only white space, expected a text"),
        ({"choices": ["a", "b\x07"]}, "choices[1]: found the control character U+0007 at character 2"),
        ({"choices": ["a", " a"]}, "choices: found 'a' twice, expected choices that differ"),
        ({"choices": "ab"}, "choices: found a string ('ab'), expected a list"),
        ({"gold": 2}, "gold: found 2, expected an index from 0 to 1"),
        ({"gold": -1}, "gold: found -1, expected an index from 0 to 1"),
        ({"gold": True}, "gold: found true or false (True), expected a whole number"),
        ({"gold": 0.0}, "gold: found a number (0.0), expected a whole number"),
        ({"gold": "0"}, "gold: found a string ('0'), expected a whole number"),
        ({"gold": 1}, "answer: found 'a', but the choice at gold (1) is 'b'; expected the same"),
        ({"answer": "c"}, "answer: found 'c', which is none of the choices; expected one of them exactly"),
        (
            {"answer": "a "},
            "answer: found 'a ', which is none of the choices (it differs only in white space)",
        ),
        (
            {"prompt": "Q ", "choices": ["a", " b"]},
            "choices: found some that begin with white space and some",
        ),
        ({"choices": ["a", "\nb"]}, "choices: found some that begin with white space and some that do not"),
        ({"target": "a"}, "found choices and target, expected one of them"),
        ({"tests": ["assert x"]}, "found choices and tests, expected one of them"),
    ],
)
def test_a_bad_choice_question_is_one_line(change: Row, message: str, tmp_path: Path) -> None:
    rows = [{**CHOICE, "prompt": f"Q{i}"} for i in range(20)]
    [found] = problems(tmp_path, lines(*rows, {**CHOICE, **change}))
    assert found.startswith(f"line 21: {message}")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tests": []}, "tests: found an empty list, expected assert statements"),
        ({"tests": [1]}, "tests[0]: found a number (1), expected a string"),
        ({"tests": ["assert f()", ["x"]]}, "tests[1]: found a list, expected a string"),
        ({"tests": [" \n"]}, "tests[0]: found only white space, expected a text"),
        ({"tests": ["assert f()", "assert ==="]}, "tests[1]: found no Python (line 1: invalid syntax)"),
        ({"answer": "def f(: return"}, "answer: found no Python after the prefix (line 2: "),
        (
            {"answer": " def f(): return 1"},
            "answer: found no Python after the prefix (line 1: unexpected indent)",
        ),
        ({"prefix": "def f(:\n"}, "answer: found no Python after the prefix (line 1: "),
        ({"entry_point": "2f"}, "entry_point: found '2f', expected the name of a function"),
        ({"entry_point": "class"}, "entry_point: found 'class', expected the name of a function"),
        ({"entry_point": "g"}, "entry_point: found 'g', which neither prefix nor answer defines"),
        ({"target": "a"}, "found tests and target, expected one of them"),
    ],
)
def test_a_bad_programming_task_is_one_line(change: Row, message: str, tmp_path: Path) -> None:
    rows = [{**CODE, "prompt": f"Q{i}"} for i in range(20)]
    [found] = problems(tmp_path, lines(*rows, {**CODE, **change}))
    assert found.startswith(f"line 21: {message}")


def test_good_rows_of_every_kind_pass(tmp_path: Path) -> None:
    fenced = {**CODE, "answer": "def f(): return 1\n```"}
    body = {"prompt": "def f():", "answer": "\n    return 1", "prefix": "def f():", "tests": ["assert f()"]}
    for row in (CHOICE, CODE, {**CHOICE, "gold": 0}, {**CHOICE, "choices": ["a", " b"]}, fenced, body):
        assert problems(tmp_path, lines(*({**row, "prompt": f"{i} {row['prompt']}"} for i in range(9)))) == []
    texts = ("שלום\u200f", "👩\u200d🔬", "می\u200cشود", "a\u2028b", "a\tb\r\nc", "\U0001f600", "ﬁ")
    for text in texts:
        assert problems(tmp_path, lines(*({"prompt": f"{i} {text}", "answer": text} for i in range(9)))) == []


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [*pairs(9), CHOICE],
            "9 with neither choices nor tests (first in line 1), 1 with choices (first in line 10)",
        ),
        (
            [CODE, *pairs(9)],
            "1 with tests (first in line 1), 9 with neither choices nor tests (first in line 2)",
        ),
        (
            [CHOICE, {**CODE, "prompt": "R"}],
            "1 with choices (first in line 1), 1 with tests (first in line 2)",
        ),
    ],
)
def test_rows_of_several_kinds_are_refused_with_both_lines(
    rows: list[Row], message: str, tmp_path: Path
) -> None:
    assert f"found rows of several kinds: {message}; expected one kind" in problems(tmp_path, lines(*rows))[0]


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("Choices", "'choices'"),
        ("choice", "'choices'"),
        ("tests ", "'tests'"),
        ("targets", "'target'"),
        ("entrypoint", "'entry_point'"),
    ],
)
def test_a_misspelt_key_that_would_say_how_to_score_is_an_error(key: str, near: str, tmp_path: Path) -> None:
    [found] = problems(tmp_path, lines(*pairs(20), {"prompt": "Q", "answer": "x", key: "y"}))
    assert found == f"line 21: found unknown key {key!r}, expected {near}"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"promt": "Q", "answer": "x"}, "found no prompt but 'promt', expected the key 'prompt'"),
        ({"Prompt": "Q", "answer": "x"}, "found no prompt but 'Prompt', expected the key 'prompt'"),
        ({"prompt ": "Q", "answer": "x"}, "found no prompt but 'prompt ', expected the key 'prompt'"),
        ({"question": "Q", "answer": "x"}, "found no prompt but 'question', expected the key 'prompt'"),
        ({"prompt": "Q", "output": "x"}, "found no answer but 'output', expected the key 'answer'"),
        ({"prompt": "Q", "anwser": "x"}, "found no answer but 'anwser', expected the key 'answer'"),
        ({"answer": "x", "xyz": "y"}, "found no prompt, expected a text"),
    ],
)
def test_a_key_that_is_missing_is_named_with_what_is_in_its_place(
    row: Row, message: str, tmp_path: Path
) -> None:
    found = problems(tmp_path, lines(*pairs(20), row))
    assert found[0] == f"line 21: {message}"


def test_all_problems_are_said_at_once_five_lines_of_each_kind(tmp_path: Path) -> None:
    rows = [{"prompt": f"Q{i}", "answer": i} for i in range(30)]
    found = problems(tmp_path, lines(*rows, {"answer": "x"}, {"prompt": "\0", "answer": ""}) + b"{\n")
    assert [line.partition(":")[0] for line in found] == [
        *("line 33", "line 1", "line 2", "line 3", "line 4", "line 5"),
        "and 25 more like these (answer of another type)",
        *("line 31", "line 32", "line 32"),
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[]", "found one JSON array with 0 entries"),
        (b"[{}, 3]", "row 2: found a number, expected a JSON object"),
        (
            json.dumps({"data": 1}, indent=1).encode(),
            "found one JSON object over several lines (keys 'data')",
        ),
        ("\n".join(json.dumps(row, indent=1) for row in pairs(3)).encode(), "found JSON over several lines"),
        (b"[\n" + lines(*pairs(3)), "found JSON over several lines"),
        (b"prompt,answer\na,b\n", "found a table with the first line 'prompt,answer' (CSV or TSV?)"),
        (b'"prompt"\t"answer"\na\tb\n', "found a table with the first line"),
        (b"\xef\xbb\xbfid;question;answer\r\n1;a;b\r\n", "found a table with the first line"),
        ("\n".join(map(str, pairs(3))).encode(), "found a Python dict with single quotes"),
        (b"Hello there.\n", "line 1: column 1: found no JSON"),
        (b"[1]\n", "line 1: found a list, expected a JSON object"),
        (b"3\n", "line 1: found a number, expected a JSON object"),
        (b"null\n", "line 1: found null, expected a JSON object"),
        (
            b'{"prompt": "a", "answer": "b"} {"prompt": "c"}\n',
            "line 1: found two JSON values (the second at column 32)",
        ),
        (
            b'{"prompt": "a", "answer": "b", "answer": "b"}\n',
            "line 1: found the key 'answer' twice, expected it once",
        ),
        (
            b'{"prompt": "a", "answer": {"x": 1, "x": 2}}\n',
            "line 1: found the key 'x' twice, expected it once",
        ),
        (b'{"prompt": "a", "answ\n', "line 1: column 17: found a string without an end"),
        (
            b'{"prompt": "a\tb", "answer": "c"}\n',
            "line 1: column 14: found no JSON (Invalid control character at)",
        ),
        (b'{"prompt": "a", "answer": NaN}\n', "line 1: answer: found a number (nan), expected a string"),
        (b'{"prompt": "a", "answer": "b", "gold": -Infinity}\n', "line 1: gold: found a number (-inf)"),
        (b"[" * 100_000 + b"\n", "line 1: found no JSON that can be read (nested too deeply)"),
        (b'{"id": ' + b"9" * 5000 + b"}\n", "line 1: found no JSON that can be read (Exceeds the limit"),
        (b"", "found an empty file, expected a JSONL file"),
        (b"\n\r\n", "found an empty file, expected a JSONL file"),
    ],
)
def test_a_file_of_another_kind_is_said_as_what_it_is(data: bytes, message: str, tmp_path: Path) -> None:
    found = problems(tmp_path, data)
    assert found[0].startswith(message)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_any_line_end_and_joined_files_with_marks_are_read(end: bytes, tmp_path: Path) -> None:
    data = lines(*pairs(20)).replace(b"\n", end)
    mark = b"\xef\xbb\xbf"
    assert problems(tmp_path, mark + data + end + mark + lines(*pairs(20, 20)).replace(b"\n", end)) == []
    bad = data + end + b'{"prompt": "Q"}'
    assert problems(tmp_path, bad) == ["line 22: found no answer, expected a text"]


def test_repeated_ids_are_named_with_the_first_line(tmp_path: Path) -> None:
    rows = [*pairs(20), {"prompt": "Q", "answer": "x", "id": "0007"}, {"prompt": "R", "answer": "x", "id": 7}]
    rows += [{"prompt": "S", "answer": "x", "id": "7"}]
    assert problems(tmp_path, lines(*rows)) == [
        "line 21: id: found '0007' again (first in line 7), expected ids that differ",
        "line 23: id: found '7' again (first in line 22), expected ids that differ",
    ]


def test_a_test_file_is_checked_as_well(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    test = tmp_path / "t.jsonl"

    def found(data: bytes, **settings: Any) -> list[str]:
        test.write_bytes(data)
        return problems(tmp_path, lines(*pairs(40)), test_path=str(test), **settings)

    same = f"benchmarks.mine: found the same content in path and test_path ({test}), expected other rows"
    assert found(lines(*pairs(40)))[0].startswith(same)
    [line] = found(lines(CHOICE))
    assert (
        line.startswith(f"{test}: found rows with choices, but ") and "with neither choices nor tests" in line
    )
    assert found(lines({"prompt": "Q"})) == [f"{test}: line 1: found no answer, expected a text"]
    assert found(lines(*pairs(9, 100)), test=10) == [
        f"benchmarks.mine.test: found 10, expected at most the 9 rows of {test}"
    ]
    [line] = found(lines(*reversed(pairs(40))))
    assert (
        line.startswith("benchmarks.mine: found 0 different rows in ")
        and "(40 repeat others or are in" in line
    )
    caplog.clear()
    assert found(lines(*pairs(3, 8), *pairs(2, 100), *pairs(1, 100))) == []
    text = caplog.text
    assert f"3 rows with a prompt of {test} (first: line 9, there line 1); kept out of training" in text
    assert "1 row with the prompt of an earlier row (first: lines 4 and 6); each of them counts" in text


def test_files_that_cannot_be_read_are_all_named(tmp_path: Path) -> None:
    test = tmp_path / "t.jsonl"
    test.write_bytes("é".encode("latin-1"))
    assert len(problems(tmp_path, b"[]", test_path=str(test))) == 2
    assert "found a folder" in problems(tmp_path, lines(*pairs(20)), test_path=str(tmp_path))[0]


@pytest.mark.parametrize(
    ("row", "warning"),
    [
        (
            {"prompt": "Q:\n", "answer": "x"},
            "the white space between prompt and answer differs: ' ' in 20 rows (first",
        ),
        (
            {"prompt": "what IS 3  + 1?", "answer": "x"},
            "1 row with another answer to the prompt of an earlier row (fi",
        ),
        (
            {"prompt": "CafÃ©", "answer": "x"},
            "1 row with text like 'Ã©' for 'é' (UTF-8 read as Windows-1252?), first",
        ),
        ({"prompt": "donâ€™t", "answer": "x"}, "1 row with text like 'Ã©' for 'é'"),
        (
            {"prompt": "a\u200bb", "answer": "x"},
            "1 row with invisible characters (soft hyphen, zero-width space or w",
        ),
    ],
)
def test_what_is_seldom_meant_is_a_counted_warning(
    row: Row, warning: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.jsonl"
    assert problems(tmp_path, lines(*pairs(20))) == [] and not caplog.records
    assert problems(tmp_path, lines(*pairs(20), row)) == []
    assert f"warning: benchmarks.mine: {path}: {warning}" in caplog.text
    assert (
        build("mine", FileBenchmark(path=str(path))).origin["warnings"][0].startswith(f"a.jsonl: {warning}")
    )


def test_a_space_before_a_program_is_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    body = {"answer": "return 1", "prefix": "def f():\n    ", "tests": ["assert f()"]}
    rows = [{**body, "prompt": f"# {at}\ndef f():\n    "} for at in range(9)]
    assert problems(tmp_path, lines(*rows)) == []
    assert "9 rows with a space at the end of the prompt (it belongs to the answer)" in caplog.text
    rows = [{**CODE, "prompt": f"Write {at}: " if at else "Write:"} for at in range(9)]
    assert problems(tmp_path, lines(*rows)) == []
    assert (
        "8 rows with a space at the end of the prompt (it belongs to the answer), first in line 2"
        in caplog.text
    )


def test_prompts_that_end_in_a_space_or_not_are_alike(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [{**row, "prompt": row["prompt"] + " " * (at % 2)} for at, row in enumerate(pairs(20))]
    assert problems(tmp_path, lines(*rows)) == [] and not caplog.records


@pytest.mark.parametrize("name", ["gsm8k", "facts"])
def test_a_built_in_benchmarks_name_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(*pairs(20)))
    [line] = problems_of(name, FileBenchmark(path=str(tmp_path / "a.jsonl")))
    assert line.startswith(
        f"benchmarks.{name}: found a file of your own under the name of a built-in benchmark"
    )


def test_the_checks_need_no_model_library() -> None:
    import subprocess

    code = (
        "import sys, semalign.benchmarks.own; print({'torch', 'transformers', 'datasets'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {**CHOICE, "choices": ["a ", "b"], "answer": "a "},
            "found some that end in white space and some that",
        ),
        (
            {**CHOICE, "choices": ["\u00e9", "e\u0301"], "answer": "\u00e9"},
            "twice, expected choices that differ",
        ),
        ({**CODE, "tests": ["f() == 1"]}, "tests: found no assertion, so that wrong programs pass"),
        ({**CODE, "tests": ["print(f())"]}, "tests: found no assertion"),
        (
            {**CODE, "tests": ["assert f() == 1", "assert (f() == 1, 'no')"]},
            "about a pair, which always holds",
        ),
        ({**CODE, "tests": ["assert True, f()"]}, "found only assertions that always hold"),
        (
            {**CODE, "answer": "```python\ndef f(): return 1\n```"},
            "found a Markdown fence (```) around the program",
        ),
    ],
)
def test_rows_that_would_score_wrongly(tmp_path: Path, row: Row, message: str) -> None:
    [line] = problems(tmp_path, lines(row))
    assert message in line


@pytest.mark.parametrize(
    "row",
    [
        {**CHOICE, "choices": ["a\n", "b\n"], "answer": "a\n"},
        {**CODE, "tests": ["assert True, 'a note'", "assert f() == 1"]},
        {**CODE, "tests": ["check(f)"], "prefix": "def check(g):\n    assert g() == 1\n\n"},
        {**CODE, "answer": "def f():\n    '''```'''\n    return 1"},
    ],
)
def test_rows_that_look_alike_and_are_good(tmp_path: Path, row: Row) -> None:
    assert problems(tmp_path, lines(*({**row, "prompt": f"Q{at}"} for at in range(9)))) == []


def test_rows_left_out_as_too_long_are_counted(tmp_path: Path) -> None:
    from semalign.benchmarks.fitting import Reader, Room
    from semalign.models.tiny.tokenizer import build_tokenizer

    path, test = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    path.write_bytes(lines(*pairs(20)))
    test.write_bytes(lines(*pairs(5, 30)))
    room = Room([Reader("m", build_tokenizer(), 4)], None)
    with pytest.raises(UserError, match=r"\(20 do not fit into the models' contexts\)"):
        build("mine", FileBenchmark(path=str(path)), room)
    with pytest.raises(UserError, match=r"found no row of .*b.jsonl that fits into the models' contexts"):
        build("mine", FileBenchmark(path=str(path), test_path=str(test)), room)
