"""Config files are read with their places: what can't be read, is given twice or reads as something else is named."""

import itertools
from pathlib import Path

import pytest

from semalign.config.extending import check_config_files, read_config
from semalign.config.reading import check_values, parse, read_mapping, value_of
from semalign.runtime.errors import UserError


def told(content: bytes | str, folder: Path) -> list[str]:
    """The problems of a file without its name in front."""
    path = folder / "mine.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UserError) as error:
        read_mapping(path)
    prefix = f"{path}: "
    assert all(line.startswith(prefix) and "\n" not in line for line in error.value.lines)
    return [line.removeprefix(prefix) for line in error.value.lines]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", "found an empty file, expected a mapping of sections"),
        ("# nothing\n", "found an empty file"),
        ("- a\n- b\n", "found a list, expected a mapping of sections"),
        ("seeds", "found a text, expected a mapping of sections"),
        ("3", "found a number, expected a mapping"),
        ("study: a\n---\nstudy: b\n", "line 2: found a second document"),
        ("study: a\n\tseeds: [1]\n", "line 2, column 1: not valid YAML (a tab; indent with spaces)"),
        ("study: [1\nseeds: 2\n", "line 2, column 6: not valid YAML"),
        ("study: 'a\n", "not valid YAML"),
        ("study: a\n  seeds: 1\n", "line 2, column 8: not valid YAML"),
        ("a: *b\n", "line 1, column 4: not valid YAML (found undefined alias 'b')"),
        (
            "a: !!python/object:os.system {}\n",
            "line 1, column 4: not valid YAML (could not determine a constructor",
        ),
        (b"study: caf\xe9\n", "line 1: found byte 0xe9, which is not UTF-8"),
        (b"a: 1\nb: \x93x\x94\n", "line 2: found byte 0x93, which is not UTF-8"),
        ("study: a\n".encode("utf-16"), "found UTF-16, expected UTF-8"),
        (b"a: \x00\n", "line 1: not valid YAML (a control character, '\\x00')"),
        ("seeds: [010]\n", "line 1: found 010, which YAML reads as 8"),
        ("a: 1:30\n", "line 1: found 1:30, which YAML reads as 90"),
        ("on: 1\n", "line 1: found the key on, which YAML reads as true or false; put it in quotes"),
        ("models:\n  3: {}\n", "line 2: found the key 3, which YAML reads as a number"),
        ("a:\n  ~: 1\n", "line 2: found the key ~, which YAML reads as null"),
        ("a:\n  ? [1]\n  : 2\n", "line 2: found a list or mapping as a key"),
        ("a: &x\n  b: *x\n", "found a section inside itself"),
        ("a: " + "[" * 60 + "]" * 60, "or more than 50 levels"),
    ],
)
def test_what_can_not_be_read_is_one_line_with_its_place(
    content: bytes | str, line: str, tmp_path: Path
) -> None:
    (own,) = told(content, tmp_path)
    assert line in own


@pytest.mark.parametrize(
    ("content", "first", "second", "key"),
    [
        ("a: 1\nb: 2\na: 3\n", 1, 3, "a"),
        ("m:\n  x: {y: 1,\n    z: 2,\n    y: 3}\n", 2, 4, "y"),
        ("m: [{y: 1, y: 2}]\n", 1, 1, "y"),
        ('a: 1\n"a": 2\n', 1, 2, "a"),
        ('{"a": 1,\n\t"a": 2}\n', 1, 2, "a"),
        ("x: &x {a: 1}\ny: &y {b: 1}\nz:\n  <<: *x\n  <<: *y\n", 4, 5, "<<"),
    ],
)
def test_a_key_that_is_given_twice_is_refused_at_any_depth(
    content: str, first: int, second: int, key: str, tmp_path: Path
) -> None:
    (line,) = told(content, tmp_path)
    assert line.startswith(f"line {second}: found key {key!r} twice, first in line {first}; expected it once")


def test_all_oddities_of_a_file_are_told(tmp_path: Path) -> None:
    assert len(told("a: 010\nb: 1:30\na: 2\non: 1\n", tmp_path)) == 4


def test_merge_keys_and_aliases_work(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: {<<: [*x, {c: 4}]}\nw: *x\n")
    assert read_mapping(path) == {"x": {"a": 1, "b": 2}, "y": {"a": 1, "b": 3}, "z": {"a": 1, "b": 2, "c": 4}, "w": {"a": 1, "b": 2}}  # fmt: skip


def test_many_aliases_are_read_once(tmp_path: Path) -> None:
    names = [chr(ord("a") + number) for number in range(25)]
    lines = ["a: &a [1, 1]"] + [
        f"{one}: &{one} [*{other}, *{other}]" for other, one in itertools.pairwise(names)
    ]
    (tmp_path / "many.yaml").write_text("\n".join(lines))
    assert len(read_mapping(tmp_path / "many.yaml")) == 25


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1.0e-4", 1e-4),
        ("1E-4", 1e-4),
        ("1e+5", 1e5),
        (".5e-3", 5e-4),
        ("1_000", 1000),
        ("0x10", 16),
        ("0", 0),
        ("-0.5", -0.5),
        ("2024-01-01", "2024-01-01"),
        ("1e", "1e"),
        ("e5", "e5"),
        ("1.5.2", "1.5.2"),
        ("yes", True),
    ],
)
def test_a_number_is_a_number_in_any_form(text: str, value: object) -> None:
    data, problems = parse(f"a: {text}\nb: [{text}]\n", "x")
    assert not problems.lines and data == {"a": value, "b": [value]} and type(data["a"]) is type(value)


def test_a_byte_order_mark_and_json_are_read(tmp_path: Path) -> None:
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbfstudy: s\r\nseeds: [1]\r\n")
    assert read_mapping(tmp_path / "bom.yaml") == {"study": "s", "seeds": [1]}
    (tmp_path / "a.json").write_text('{\n\t"study": "s",\n\t"seeds": [1e0]\n}')
    assert read_mapping(tmp_path / "a.json") == {"study": "s", "seeds": [1.0]}


def test_a_path_that_is_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing\.yaml: no such config file"):
        read_mapping(tmp_path / "nothing.yaml")
    with pytest.raises(UserError, match="found a folder, expected a config file"):
        read_mapping(tmp_path)
    with pytest.raises(UserError, match=r"can't be read .*expected a config file"):
        read_mapping(tmp_path / "\0")
    with pytest.raises(UserError, match="File name too long"):
        read_mapping(tmp_path / ("x" * 300))


def test_values_of_the_command_line_are_those_of_a_file() -> None:
    data = read_config(
        [], {"seeds": ["0", "1e0"], "a": {"b": "1.0e+39", "c": "none", "d": "null", "e": "[1"}}
    ).data
    assert data == {"seeds": [0, 1.0], "a": {"b": 1e39, "c": "none", "d": None, "e": "[1"}}
    assert value_of("010") == "010" and value_of("{a: 1}") == "{a: 1}"


def test_a_file_that_snakemake_is_about_to_read_ends_the_process(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("study: s")
    check_config_files([tmp_path / "a.yaml"])
    with pytest.raises(SystemExit, match=r"^error: b\.yaml: no such config file"):
        check_config_files([tmp_path / "a.yaml", "b.yaml"])


def test_values_of_the_command_line_are_read_as_strictly_as_a_file() -> None:
    check_values(["seeds=[1, 2]", "study=a", "methods={sft: {layers: all}}", "mirror="])
    with pytest.raises(UserError) as refused:
        check_values(["methods={sft: {}, sft: {layers: all}}", "seeds=[1,"])
    first, second = refused.value.lines
    assert first == "--config methods: line 1: found key 'sft' twice, first in line 1; expected it once"
    assert second.startswith("--config seeds: line 1, column 4: not valid YAML")


def test_merged_sections_that_multiply_are_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}" for i in range(1, 20)]
    path.write_text("\n".join(lines))
    with pytest.raises(UserError, match="found `<<` with more than 10000 keys, expected fewer"):
        read_mapping(path)
    path.write_text("a: &a {x: 1}\nb: {<<: *a, y: 2}\n")
    assert read_mapping(path)["b"] == {"x": 1, "y": 2}


def test_a_hash_that_begins_like_a_number_is_a_text(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("commit: 1e45abc\nrate: 1e-4\nother: 1_0.5e3\n")
    assert read_mapping(path) == {"commit": "1e45abc", "rate": 1e-4, "other": 10500.0}
