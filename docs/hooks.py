"""What is different between a page in the repository and the same page on the site (hooks of MkDocs).

- A relative link to a file outside docs/ works on a forge; on the site it leads to the repository (`repo_url`). A link
  to a file that does not exist fails the build.
- The API pages, one per room of the package, are made here: `reference/api/<room>.md`.
"""

import posixpath
import re
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
# a fenced block, or the target of a link or an image
FENCE_OR_TARGET = re.compile(r"^ *(```|~~~).*?^ *\1 *$|(?<=\]\()([^)\s]+)", re.MULTILINE | re.DOTALL)


def rooms() -> list[str]:
    """The rooms of the package."""
    return sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file())


def modules(room: str) -> list[str]:
    """The public modules of a room that define something, in the order of their paths."""
    names = []
    for path in sorted((PACKAGE / room).rglob("*.py")):
        parts = ["semalign", *path.relative_to(PACKAGE).with_suffix("").parts]
        if path.name == "__init__.py":
            parts.pop()
        if not any(part.startswith("_") for part in parts):
            names.append(".".join(parts))
    return names


def api_page(room: str) -> str:
    """The page of a room: every public module with what it defines."""
    blocks = "\n\n".join(f"::: {name}" for name in modules(room))
    return f"# semalign.{room}\n\n{blocks}\n"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the API pages."""
    for room in rooms():
        files.append(File.generated(config, f"{API}/{room}.md", content=api_page(room)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files, **_: Any) -> str:
    """Lead links to files outside docs/ to the repository."""
    folder = posixpath.dirname(posixpath.join("docs", page.file.src_uri))

    def rewritten(match: re.Match[str]) -> str:
        target = match[2]
        if target is None or "://" in target or target.startswith(("#", "mailto:")):
            return match[0]
        path, mark, anchor = target.partition("#")
        inside = posixpath.normpath(posixpath.join(folder, path))
        if inside.startswith("docs/"):
            return match[0]
        if inside.startswith("..") or not (ROOT / inside).exists():
            raise PluginError(f"docs/{page.file.src_uri}: link to {target}: found no {inside}")
        return f"{str(config.repo_url).rstrip('/')}/{BRANCH}/{inside}{mark}{anchor}"

    return FENCE_OR_TARGET.sub(rewritten, markdown)
