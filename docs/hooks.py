"""MkDocs hooks: rewrite links that leave docs/, and make the API pages.

- A relative link to a file outside docs/ works on a forge. On the site, a link to a module of the package leads to its
  API page, any other to the repository (`repo_url`). A link to a file that does not exist fails the build.
- The API pages, one per room of the package, are made here: `reference/api/<room>.md`.
"""

import ast
import posixpath
import re
from functools import cache
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/semalign"
BRANCH = "blob/main"
API = "reference/api"
# a fenced block, or a link or an image with its text and its target
FENCE_OR_LINK = re.compile(
    r"^ *(?P<fence>```|~~~).*?^ *(?P=fence) *$|\[(?P<text>[^\[\]]*)\]\((?P<target>[^)\s]+)\)",
    re.MULTILINE | re.DOTALL,
)


def rooms() -> list[str]:
    """The rooms of the package."""
    return sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file())


@cache
def modules() -> dict[str, str]:
    """File -> name of every module that has a place on an API page, in the order of their paths."""
    names = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ["semalign", *path.relative_to(PACKAGE).with_suffix("").parts]
        if path.name == "__init__.py":
            parts.pop()
        if len(parts) > 1 and not any(part.startswith("_") for part in parts):
            names[path.relative_to(ROOT).as_posix()] = ".".join(parts)
    return names


def api_page(room: str) -> str:
    """The page of a room: every public module with what it defines."""
    blocks = (f"::: {name}" for name in modules().values() if f"{name}.".startswith(f"semalign.{room}."))
    return f"# semalign.{room}\n\n" + "\n\n".join(blocks) + "\n"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the API pages."""
    for room in rooms():
        files.append(File.generated(config, f"{API}/{room}.md", content=api_page(room)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files, **_: Any) -> str:
    """Lead links to files outside docs/ to the API pages or to the repository."""
    folder = posixpath.dirname(posixpath.join("docs", page.file.src_uri))

    def rewritten(match: re.Match[str]) -> str:
        text, target = match["text"], match["target"]
        if target is None or "://" in target or target.startswith(("#", "mailto:")):
            return match[0]
        path, mark, anchor = target.partition("#")
        inside = posixpath.normpath(posixpath.join(folder, path))
        if inside.startswith("docs/"):
            return match[0]
        if inside.startswith("..") or not (ROOT / inside).exists():
            raise PluginError(f"docs/{page.file.src_uri}: link to {target}: found no {inside}")
        for file in (inside, f"{inside}/__init__.py"):
            if file in modules():
                return f"[{text}][{_described(file, text)}]"
        return f"[{text}]({str(config.repo_url).rstrip('/')}/{BRANCH}/{inside}{mark}{anchor})"

    return FENCE_OR_LINK.sub(rewritten, markdown)


def _described(file: str, text: str) -> str:
    """Target of a link to a module on the API pages: the object named by its text, if that has a docstring."""
    module = modules()[file]
    named = re.fullmatch(r"`?[\w.]+:([\w.]+)`?", text)
    return f"{module}.{named[1]}" if named and named[1] in _with_docstring(file) else module


@cache
def _with_docstring(file: str) -> set[str]:
    """The public functions and classes of a file that have a docstring, and the classes' methods."""
    names = set()
    for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            inner = node.body if isinstance(node, ast.ClassDef) else ()
            members = [(f"{node.name}.", each) for each in inner if isinstance(each, ast.FunctionDef)]
            for prefix, each in [("", node), *members]:
                if ast.get_docstring(each) and not each.name.startswith("_"):
                    names.add(prefix + each.name)
    return names
