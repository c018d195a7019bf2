"""The reference pages that are generated from the code."""

import re

import pytest

from semalign.study.documentation import config_reference, methods_reference
from semalign.study.listing import methods

CONFIG = config_reference()


def test_every_link_of_the_config_page_leads_to_a_section() -> None:
    headings = {
        heading.lower().replace(" ", "-") for heading in re.findall(r"^## (.+)$", CONFIG, re.MULTILINE)
    }
    links = set(re.findall(r"\]\(#([\w-]+)\)", CONFIG))
    assert links and links <= headings


@pytest.mark.parametrize(
    "line",
    [
        "Key: `evaluation.sandbox`.",
        "Key: `models.<name>` with `source: folder`.",
        "Key: `methods.<name>` with `method: sft`.",
        "| `study` | string | required |",
        "| `minimum_shared` | number (> 0, ≤ 1) | `0.5` |",
        "| `contrasts` | list of [string, string] | `[]` |",
        "| `seeds` | list of integer (≥ 0, ≤ 4.29497e+09) | `[0, 1, 2]` |",
    ],
)
def test_a_section_says_where_it_is_written_and_what_its_keys_take(line: str) -> None:
    assert line in CONFIG


def test_every_key_has_a_meaning() -> None:
    assert not re.findall(r"^\| `.*\|\s*\|$", CONFIG, re.MULTILINE)


def test_no_cell_of_a_table_is_taken_for_html() -> None:
    rows = [line for line in CONFIG.splitlines() if line.startswith("|")]
    assert not [row for row in rows if re.search(r"(?<!`)<\w", re.sub(r"`[^`]*`", "", row))]


def test_every_method_has_a_row_with_a_link_to_its_keys() -> None:
    page = methods_reference()
    for row in methods():
        (line,) = (line for line in page.splitlines() if line.startswith(f"| [`{row.name}`]"))
        anchor = re.search(r"\(config\.md#(\w+)\)", line)
        assert anchor and re.search(rf"^## {anchor[1]}$", CONFIG, re.MULTILINE | re.IGNORECASE)
        assert line.count("|") == 6
