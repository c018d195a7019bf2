"""The pages of the documentation: blocks say how they are tested, studies are valid, links lead somewhere."""

import re
from pathlib import Path

import pytest
import yaml
from page_blocks import PAGES, ROOT, blocks_of, fault, is_study

from semalign.study.definition import parse_study

LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
pages = pytest.mark.parametrize(
    "page", [page for page in PAGES if page.is_file()], ids=lambda page: str(page.relative_to(ROOT))
)


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pages
def test_every_block_says_how_it_is_tested(page: Path) -> None:
    faults = {block.line: wrong for block in blocks_of(page) if (wrong := fault(block))}
    assert not faults


@pages
def test_every_study_and_every_part_of_one_is_valid(page: Path) -> None:
    for block in blocks_of(page):
        if block.language != "yaml" or block.kind == "not run" or block.value.startswith("src/"):
            continue
        given = yaml.safe_load(block.text)
        assert isinstance(given, dict), f"line {block.line}"
        # the methods and maps that a page adds are known only in the copy where it runs
        if not _announces(page):
            base = {} if is_study(block.text) else {"extends": "config/config.yaml"}
            assert parse_study({**base, **given}).study


def _announces(page: Path) -> bool:
    """Whether the page adds to the library."""
    return any(block.value.startswith("src/") for block in blocks_of(page))


@pages
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        path, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        file = (page.parent / path).resolve() if path else page
        assert file.is_relative_to(ROOT), target
        assert file.exists(), target
        if anchor and file.suffix == ".md":
            assert anchor in _anchors(file), target


def _anchors(page: Path) -> set[str]:
    """The anchors that a forge makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}
