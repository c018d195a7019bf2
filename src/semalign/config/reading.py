"""Reading of a YAML or JSON file as a mapping, with errors that name the file, line and column.

Unlike the usual loader, this one refuses a key that is given twice, keys that are not texts, and numbers in forms that
YAML 1.1 reads as other ones (`010` is 8, `1:30` is 90). A number such as `1e-4` is a number without a dot, too.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from semalign.runtime.errors import Problems, UserError

FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9]+)[eE][-+]?[0-9]+$")
OCTAL = re.compile(r"[-+]?0[0-9_]+")
SIXTIES = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
MERGE = "tag:yaml.org,2002:merge"
TEXT = "tag:yaml.org,2002:str"
NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
KINDS = {
    "tag:yaml.org,2002:bool": "true or false",
    "tag:yaml.org,2002:null": "null",
    "tag:yaml.org,2002:timestamp": "a date",
}
PYTHON = {
    "NoneType": "nothing",
    "list": "a list",
    "str": "a text",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
}
DEEPEST = 50  # levels of a config; aliases could make a file of any depth
MOST_MERGED = 10_000  # keys that `<<` brings in; aliases of sections with `<<` multiply


class Loader(yaml.SafeLoader):
    """YAML's safe loader, in which any form of a number is a number, and a date is a text."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if not tag.endswith(":timestamp")]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver("tag:yaml.org,2002:float", FLOAT, list("-+0123456789."))


def read_mapping(path: Path | str) -> dict[str, Any]:
    """Read a file of sections. Raises UserError with all of its problems, one line each."""
    text = read_text(Path(path))
    data, problems = parse(text, str(path))
    problems.check()
    if not isinstance(data, dict):
        found = "an empty file" if data is None else PYTHON.get(type(data).__name__, type(data).__name__)
        raise UserError(f"{path}: found {found}, expected a mapping of sections, such as `study: mine`")
    return data


def read_text(path: Path) -> str:
    """Read a file as UTF-8, with or without a byte-order mark. Raises UserError if that is not possible."""
    where = "" if path.is_absolute() else f" in {Path.cwd()}"
    try:
        if path.is_dir():
            raise UserError(f"{path}: found a folder, expected a config file")
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such config file{where}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: can't be read ({reason}), expected a config file") from None
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise UserError(f"{path}: found UTF-16, expected UTF-8; save the file in that encoding")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path}: line {line}: found byte 0x{content[error.start]:02x}, which is not UTF-8; save the file in "
            "that encoding"
        ) from None


def parse(text: str, name: str) -> tuple[Any, Problems]:
    """Return the content of a YAML text, and the problems of its keys and numbers.

    Raises UserError if it is not YAML, or more than one document.
    """
    problems = Problems()
    try:
        if text.lstrip().startswith("{") and "\t" in text:
            text = text.replace("\t", " ")  # JSON may be indented with tabs
        loader = Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None, problems
            problems.add(*(f"{name}: {line}" for line in _oddities(node)))
            if problems.lines:
                return None, problems
            if _merged_keys(node, {}) > MOST_MERGED:
                raise UserError(f"{name}: found `<<` with more than {MOST_MERGED} keys, expected fewer")
            return loader.construct_document(node), problems
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise UserError(f"{name}: {_explain(error, text)}") from None
    except (ValueError, RecursionError, OverflowError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise UserError(f"{name}: not valid YAML ({reason})") from None


def value_of(text: str) -> Any:
    """Return what a plain text is as a value in a config file: a number, true or false, null, or the text itself."""
    try:
        data, problems = parse(text, "")
    except UserError:
        return text
    return text if problems.lines or isinstance(data, dict | list) else data


def check_values(entries: Iterable[str]) -> None:
    """Check the lists and sections of the command line, `key=value`, of which Snakemake takes a key's last value.

    Raises UserError with all problems.
    """
    problems = Problems()
    for entry in entries:
        key, _, value = str(entry).partition("=")
        if value.lstrip().startswith(("{", "[")):
            with problems.collect():
                problems.add(*parse(value, f"--config {key}")[1].lines)
    problems.check()


def _explain(error: yaml.YAMLError, text: str) -> str:
    """One line: where the error is, and what YAML found there."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        position = getattr(error, "position", None)
        if isinstance(position, int):
            line = text.count("\n", 0, position) + 1
            return f"line {line}: not valid YAML (a control character, {text[position]!r})"
        return f"not valid YAML ({' '.join(str(error).split())})"
    problem = getattr(error, "problem", None) or ""
    if "expected a single document" in str(getattr(error, "context", "")):
        return f"line {mark.line + 1}: found a second document (`---`), expected one"
    if "'\\t'" in problem:
        problem = "a tab; indent with spaces"
    return f"line {mark.line + 1}, column {mark.column + 1}: not valid YAML ({problem})"


def _oddities(node: yaml.Node, above: tuple[int, ...] = (), seen: set[int] | None = None) -> Iterator[str]:
    """Yield keys that are given twice or are not texts, and numbers that YAML reads as other ones."""
    seen = set() if seen is None else seen
    if id(node) in above or len(above) > DEEPEST:
        yield f"{_line(node)}: found a section inside itself, or more than {DEEPEST} levels; expected fewer"
    elif id(node) not in seen:  # an alias is the node that it refers to
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            yield from _keys(node)
        elif isinstance(node, yaml.ScalarNode) and node.style is None:
            yield from _number(node)
        for inner in _inside(node):
            yield from _oddities(inner, (*above, id(node)), seen)


def _merged_keys(node: yaml.Node, sizes: dict[int, int]) -> int:
    """The largest number of keys that a mapping with `<<` has, before equal ones are joined; fills `sizes` of nodes."""
    if id(node) in sizes:
        return 0
    largest = max((_merged_keys(inner, sizes) for inner in _inside(node)), default=0)
    if isinstance(node, yaml.MappingNode):
        merges = [value for key, value in node.value if key.tag == MERGE]
        own = len(node.value) + sum(sizes[id(value)] for value in merges)
        largest = max(largest, own) if merges else largest
    else:
        own = sum(sizes[id(inner)] for inner in _inside(node))
    sizes[id(node)] = own
    return largest


def _inside(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [value for _, value in node.value]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _keys(node: yaml.MappingNode) -> Iterator[str]:
    first: dict[str, yaml.Node] = {}
    for key, _ in node.value:
        text = str(key.value) if isinstance(key, yaml.ScalarNode) else None
        if text is None:
            yield f"{_line(key)}: found a list or mapping as a key, expected a text"
        elif key.tag not in (TEXT, MERGE):
            kind = KINDS.get(key.tag, "a number")
            yield f"{_line(key)}: found the key {text}, which YAML reads as {kind}; put it in quotes"
        elif text in first:
            two = " (write `<<: [*a, *b]` for two)" if key.tag == MERGE else ""
            yield f"{_line(key)}: found key {text!r} twice, first in {_line(first[text])}; expected it once{two}"
        else:
            first[text] = key


def _number(node: yaml.ScalarNode) -> Iterator[str]:
    text = node.value
    if node.tag in NUMBERS and (OCTAL.fullmatch(text) or SIXTIES.fullmatch(text)):
        try:
            value = yaml.safe_load(text)
        except (ValueError, yaml.YAMLError):
            value = "something else"
        yield f"{_line(node)}: found {text}, which YAML reads as {value}; write that number, or put it in quotes"


def _line(node: yaml.Node) -> str:
    return f"line {node.start_mark.line + 1}"
