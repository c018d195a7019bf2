"""The hand-written pages of the reference name everything that there is."""

import re

import pytest
from page_blocks import ROOT

from semalign.runtime.columns import COLUMNS
from semalign.study.listing import LISTS

TABLES = (ROOT / "docs/reference/tables.md").read_text(encoding="utf-8")
COMMANDS = (ROOT / "docs/reference/commands.md").read_text(encoding="utf-8")
BASED_ON = {"ablations": "main"}


def described(heading: str) -> set[str]:
    """The columns in the tables below a heading, up to the next one."""
    (section,) = re.findall(rf"^#+ {heading}\n(.*?)(?=^#|\Z)", TABLES, re.MULTILINE | re.DOTALL)
    cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


@pytest.mark.parametrize("table", COLUMNS)
def test_every_column_of_a_table_is_described_and_no_other(table: str) -> None:
    own = described(table) | (described(BASED_ON[table]) if table in BASED_ON else set())
    assert not set(COLUMNS[table]) - own - described("Shared columns")
    assert not own - set(COLUMNS[table])


def test_every_shared_column_is_in_a_table() -> None:
    assert described("Shared columns") <= {column for columns in COLUMNS.values() for column in columns}


def test_every_command_is_named() -> None:
    targets = re.search(
        r"^\.PHONY: ([^\n]*(?:\n\.PHONY: [^\n]*)*)", (ROOT / "Makefile").read_text(), re.MULTILINE
    )
    assert targets
    wanted = [f"`make {name}`" for name in targets[1].replace(".PHONY:", "").split()]
    wanted += [f"`{path.name}`" for path in ROOT.glob("scripts/*.py")]
    wanted += [f"`{kind}`" for kind in LISTS]
    assert [name for name in wanted if name not in COMMANDS] == []
