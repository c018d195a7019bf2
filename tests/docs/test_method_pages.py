"""The paper index: what docs/method names exists, has the default that it states, and leaves nothing out."""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from semalign.benchmarks.registry import BENCHMARKS, PUBLISHED
from semalign.config.evaluation import Protocol
from semalign.evaluation.protocols import task_names
from semalign.methods.registry import METHODS
from semalign.signals.semantics.registry import MAPS

ROOT = Path(__file__).parents[2]
PAGES = {path.stem: path for path in sorted((ROOT / "docs/method").glob("*.md"))}
SCHEMA = json.loads((ROOT / "workflow/schemas/config.schema.json").read_text())

CODE = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")
HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
DEFAULT = re.compile(r"`([\w.-]+)` \(default `([^`]+)`\)")
KEY = re.compile(r"[a-z_]+(?:\.[a-z_-]+)+")
ASSIGNMENT = re.compile(r"([a-z_]+(?:\.[a-z_-]+)+): (\S+)")
ARXIV = re.compile(r"arXiv:\d{4}\.\d{5}")
SUFFIXES = (".json", ".jsonl", ".csv", ".md", ".yaml", ".py", ".safetensors")
NO_DEFAULT = object()


def text_of(page: str) -> str:
    """A page with one line per paragraph, list item and table row, since lines may break within a code span."""
    return re.sub(r"\n(?![\n|#]|- ) *", " ", PAGES[page].read_text(encoding="utf-8"))


def rows(page: str) -> list[list[str]]:
    """The cells of all rows of a page's tables."""
    lines = [line for line in text_of(page).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def row_of(page: str, name: str) -> list[str]:
    """The one row whose first cell names `name`."""
    named = [row for row in rows(page) if name in CODE.findall(row[0])]
    assert len(named) == 1, f"docs/method/{page}.md: found {len(named)} rows for `{name}`, expected one"
    return named[0]


@cache
def names_in(module: str) -> set[str]:
    """Top-level names of a module, and `Class.member`, read off its source: nothing is imported."""
    spec = find_spec(module)
    assert spec and spec.origin, f"{module}: found no such module"
    return set(_names(ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body, ""))


def _names(body: list[ast.stmt], prefix: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef):
            yield prefix + node.name
        elif isinstance(node, ast.ClassDef):
            yield prefix + node.name
            yield from _names(node.body, f"{node.name}.")
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (prefix + target.id for target in targets if isinstance(target, ast.Name))


def property_of(key: str) -> dict[str, Any]:
    """The schema of a config key with the default in force; `methods.<method>.x` is key x of that method.

    Raises KeyError if there is no such key.
    """
    parts = key.split(".")
    node: dict[str, Any] = SCHEMA
    if parts[0] == "methods":
        mapping = SCHEMA["properties"]["methods"]["additionalProperties"]["discriminator"]["mapping"]
        node = {"$ref": mapping[parts[1]]}
        parts = parts[2:]
    default: Any = NO_DEFAULT
    for part in parts:
        node = _resolved(node)["properties"][part]
        inherited = isinstance(default, dict) and part in default
        default = default[part] if inherited else node.get("default", NO_DEFAULT)
    return {**node, "default": default}


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    return SCHEMA["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node


def wrong_defaults(text: str) -> list[str]:
    """What is wrong with the keys of a text and the defaults that it states."""
    wrong = []
    for key, stated in DEFAULT.findall(text):
        try:
            default = property_of(key)["default"]
        except KeyError:
            wrong.append(f"{key}: no such key")
            continue
        if yaml.safe_load(stated) != default:
            wrong.append(f"{key}: found default {stated}, expected {default}")
    stated_keys = {key for key, _ in DEFAULT.findall(text)}
    for code in CODE.findall(text):
        if KEY.fullmatch(code) and not code.endswith(SUFFIXES) and not code.startswith("semalign."):
            wrong += [] if code in stated_keys else [f"{code}: no default is stated on the page"]
    return wrong


def wrong_values(text: str) -> list[str]:
    """What is wrong with code spans such as `pairing.rule: random`."""
    wrong = []
    for code in CODE.findall(text):
        if match := ASSIGNMENT.fullmatch(code):
            key, value = match[1], yaml.safe_load(match[2])
            try:
                allowed = allowed_values(key)
            except KeyError:
                wrong.append(f"{key}: no such key")
                continue
            wrong += [f"{key}: found {value!r}, expected one of {allowed}"] if value not in allowed else []
    return wrong


def allowed_values(key: str) -> list[Any]:
    """The values that a key with few of them takes; raises KeyError if there is no such key."""
    if key == "alignment.map":
        return list(MAPS)
    found = property_of(key)
    options = [found, *found.get("anyOf", [])]
    values = [value for option in options for value in (*option.get("enum", []), option.get("const"))]
    return (
        [True, False] if found.get("type") == "boolean" else [value for value in values if value is not None]
    )


def wrong_functions(text: str) -> list[str]:
    """What is wrong with the code spans that name a module or something in it."""
    targets = dict(LINK.findall(text))
    wrong = []
    for code in CODE.findall(text):
        if not code.startswith("semalign.") or "/" in code:
            continue
        module, _, name = code.partition(":")
        spec = find_spec(module) if find_spec(module.rpartition(".")[0]) else None
        if not spec or not spec.origin:
            wrong.append(f"{module}: no such module")
            continue
        if name not in names_in(module):
            wrong.append(f"{code}: the module has no such name")
        expected = f"../../{Path(spec.origin).relative_to(ROOT)}"
        if targets.get(f"`{code}`") != expected:
            wrong.append(f"{code}: found link {targets.get(f'`{code}`')}, expected {expected}")
    return wrong


def anchors(text: str) -> set[str]:
    """The anchors that a forge gives the headings of a text."""
    titles = (title.lower() for _, title in HEADING.findall(text))
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_every_function_that_a_page_names_is_there_and_is_linked(page: str) -> None:
    assert wrong_functions(text_of(page)) == []


@pytest.mark.parametrize("page", PAGES)
def test_every_key_that_a_page_names_has_the_default_stated_there(page: str) -> None:
    text = text_of(page)
    assert wrong_defaults(text if page != "index" else DEFAULT_OF_INDEX.sub("", text)) == []
    assert wrong_values(text) == []


# the index explains the form of keys by two examples
DEFAULT_OF_INDEX = re.compile(r"^- \*\*Chosen\*\*: .*$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    for _, target in LINK.findall(text_of(page)):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        path = (PAGES[page].parent / file).resolve() if file else PAGES[page]
        assert path.exists(), target
        assert not anchor or anchor in anchors(path.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("page", sorted(set(PAGES) - {"index", "maps", "controls"}))
def test_every_entry_says_what_where_and_what_was_chosen(page: str) -> None:
    entries = [
        part for part in re.split(r"^(?=#)", PAGES[page].read_text(), flags=re.M) if part[:4] == "### "
    ]
    assert entries
    for entry in entries:
        labels = re.findall(r"^- \*\*(\w+)\*\*", entry, re.MULTILINE)
        expected = (
            ["Paper", "Code", "Open", "Chosen"] if "Paper" in labels else ["Definition", "Code", "Chosen"]
        )
        assert labels == expected, entry.partition("\n")[0]


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_a_row_with_its_paper_and_a_page(name: str) -> None:
    _, idea, paper, page = row_of("index", name)
    published = METHODS[name].facts.get("paper", "")
    linked = LINK.findall(page)[0][1].partition("#")[0].removesuffix(".md")
    assert idea
    assert published in paper
    assert f"`{name}`" in text_of(linked)
    assert published in text_of(linked)


def test_every_method_of_the_shipped_configs_has_a_row() -> None:
    named: set[str] = set()
    for path in sorted(ROOT.glob("config/*.yaml")):
        named |= set((yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("methods") or {})
    listed = {code for row in rows("index") for code in CODE.findall(row[0])}
    # a further draw of a control is said in the row of the first one
    assert {re.sub(r"-\d+$", "", name) for name in named} - listed == set()


@pytest.mark.parametrize("name", MAPS)
def test_every_map_has_a_row_with_its_matrix_and_its_function(name: str) -> None:
    _, matrix, function, purpose = row_of("maps", name)
    entry = MAPS[name]
    assert CODE.search(matrix) and purpose
    assert CODE.findall(function) == [f"{entry.module}:{entry.attribute}"]
    assert row_of("index", f"alignment.map: {name}")


def test_every_benchmark_and_protocol_has_a_row() -> None:
    listed = {code for row in rows("evaluation") for code in CODE.findall(row[0])}
    assert set(task_names()) - listed == set()
    for name in task_names():
        (row,) = [
            row
            for row in rows("evaluation")
            if name in CODE.findall(row[0])
            and len(row) == 4
            and set(CODE.findall(row[1])) & set(get_args(Protocol))
        ]
        assert (row[1] == "`lm-eval`") == name.endswith("-lm-eval")
    for name, entry in PUBLISHED.items():
        (row,) = [row for row in rows("evaluation") if ARXIV.search(row[1]) and f"`{name}`" == row[0]]
        assert entry.facts["paper"] in row[1]
    assert all(f"`{name}`" in text_of("evaluation") for name in BENCHMARKS)


def test_the_checks_see_what_is_wrong() -> None:
    assert wrong_defaults("`alignment.map` (default `pinv`)") == []
    assert wrong_defaults("`alignment.maps` (default `pinv`)") == ["alignment.maps: no such key"]
    assert len(wrong_defaults("`alignment.map` (default `dual`), `pairing.rule`")) == 2
    assert wrong_defaults("`methods.prox.lora.rank` (default `16`), `methods.self-anchor.distillation`") != []
    assert wrong_values("`pairing.rule: random`, `alignment.shuffled: true`, `pairing.pairs: all`") == []
    assert len(wrong_values("`pairing.rule: rnd`, `alignment.map: none`, `pairing.rules: random`")) == 3
    file = "../../src/semalign/signals/pairing.py"
    assert wrong_functions(f"[`semalign.signals.pairing:depth_map`]({file})") == []
    assert len(wrong_functions(f"[`semalign.signals.pairing:no_map`]({file})")) == 1
    assert len(wrong_functions("`semalign.signals.pairing:depth_map`, `semalign.signals.no:x`")) == 2
