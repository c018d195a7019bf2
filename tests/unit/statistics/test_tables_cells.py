"""Cells that are malformed, or do not belong together, are refused in one line."""

from pathlib import Path

import pytest
from fabricated_cells import SETTINGS, seal, write_cell, write_tables

from semalign.runtime.errors import UserError
from semalign.runtime.files import write_json
from semalign.statistics.tables.cells import read_cell, read_groups
from semalign.statistics.tables.order import Order


def cell(root: Path) -> Path:
    return write_cell(root, "p/b/m/default/seed0", [1, 0, 1, 0])


def spoil(folder: Path, name: str, text: str) -> None:
    """Change a file and seal the folder again, so that only the file's content is wrong."""
    (folder / name).write_text(text)
    seal(folder)


ITEM = '{"id": "a", "correct": 1}\n'


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("metrics.json", "{", "metrics.json: not valid JSON"),
        ("metrics.json", "[]", "found list, expected an object"),
        ("metrics.json", '{"items": 4}', "score is None, expected a finite number"),
        ("metrics.json", '{"score": NaN, "items": 4}', "score is nan, expected a finite number"),
        ("metrics.json", '{"score": 50.0, "items": 5}', "items is 5, expected the 4 of items.jsonl"),
        ("metrics.json", '{"score": 75.0, "items": 4}', "score is 75, expected 50"),
        ("metrics.json", '{"score": 50, "items": 4, "teacher_kl": "low"}', "teacher_kl is 'low'"),
        ("items.jsonl", "", "no items, expected one line per item"),
        ("items.jsonl", ITEM + ITEM, "items.jsonl:2: id 'a' found twice"),
        ("items.jsonl", '{"id": "a"}\n', "correct is None, expected a finite number"),
        ("items.jsonl", '{"id": "a", "correct": 2}\n', "correct is 2, expected 0 to 1"),
        ("items.jsonl", '{"correct": 1}\n', "found no item"),
        ("items.jsonl", "[1]\n", "found no item"),
    ],
)
def test_a_malformed_cell_is_one_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    folder = cell(tmp_path)
    assert read_cell(folder).scores.tolist() == [100, 0, 100, 0]
    spoil(folder, name, text)
    with pytest.raises(UserError, match=message.replace("[", r"\[")) as error:
        read_cell(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["run.json", "metrics.json", "items.jsonl"])
def test_a_missing_file_is_one_line(tmp_path: Path, name: str) -> None:
    folder = cell(tmp_path)
    (folder / name).unlink()
    for verify in (True, False):
        with pytest.raises(UserError, match=name):
            read_cell(folder, verify=verify)


def test_a_cell_that_is_not_what_its_record_says_is_refused(tmp_path: Path) -> None:
    folder = cell(tmp_path)
    write_json(folder / "metrics.json", {"score": 50.0, "items": 4, "teacher_kl": 0.0})
    with pytest.raises(UserError, match="does not match its provenance"):
        read_cell(folder)
    assert read_cell(folder, verify=False).metrics["teacher_kl"] == 0
    (folder / "run.json").write_text("{}")
    with pytest.raises(UserError, match="no `outputs`"):
        read_cell(folder)
    (folder / "run.json").write_text("[]")
    with pytest.raises(UserError, match="found list"):
        read_cell(folder)


def test_cells_that_do_not_belong_together(tmp_path: Path) -> None:
    first = write_cell(tmp_path, "p/b/m/default/seed0", [1, 0], ids=["a", "b"])
    order = write_cell(tmp_path, "p/b/m/default/seed1", [1, 0], ids=["b", "a"])
    other = write_cell(tmp_path, "p/b/n/default/seed0", [1, 0], ids=["a", "c"])
    groups = read_groups([order, first])
    assert next(iter(groups.values())).scores.seeds == (0, 1)
    assert next(iter(groups.values())).scores.values.tolist() == [[100, 0], [0, 100]]
    with pytest.raises(UserError, match=r"items differ .* \(first 'b', 2 and 2 items\)"):
        read_groups([first, other])
    with pytest.raises(UserError, match="found this cell twice"):
        read_groups([first, first])
    with pytest.raises(UserError, match="found none"):
        read_groups([])
    with pytest.raises(UserError, match="not the folder of a cell"):
        read_groups([tmp_path / "p"])
    with pytest.raises(UserError, match="method 'm' is unknown, expected one of semalign"):
        write_tables([first], Order(pairs=["p"], benchmarks=["b"], methods=["semalign"]), SETTINGS, tmp_path)
