"""The library files that a script depends on, directly or not. Editing one of them makes the script's results stale.

Two kinds of files are left out: registries, which only list names, and the config's pydantic models, whose effect
is in the settings files that rules read. If a stage loads a module by name through a registry, the caller adds that
module (`modules`).
"""

import ast
import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

SOURCE = Path("src")
# a whole import statement at any indentation, its names on one line or in parentheses over several lines
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+[\w.]+[ \t]+import[ \t]+(?:\((?:#[^\n]*|[^)#])*\)|[^\n(]+)|import[ \t]+[^\n]+)",
    re.M,
)
# the stage that a script runs: `run_stage("module:function")`
_STAGE = re.compile(r'^ *run_stage\("([\w.]+):(\w+)"', re.M)
# Files that a module reads, starts or loads without importing them: path -> pattern below `src/semalign`. The two
# analyses may load any map. A stage that loads a single entry of a registry names its module instead, so that editing
# one entry does not make the results of another one stale.
UNSEEN = {
    "src/semalign/evaluation/harness.py": "evaluation/tasks/*.yaml",
    "src/semalign/report/html_page.py": "report/templates/*.html.j2",
    "src/semalign/report/templating.py": "report/templates/*.md.j2",
    "src/semalign/evaluation/sandbox/isolation.py": "evaluation/sandbox/inside/*.py",
    "src/semalign/analysis/crossing.py": "signals/semantics/maps/*.py",
    "src/semalign/analysis/geometry.py": "signals/semantics/maps/*.py",
}


def dependencies_of(script: Path | str, modules: Iterable[str] = ()) -> list[str]:
    """Return the script, the named modules, and all library files that they import, directly or not.

    Paths are relative to the repository root, which must be the working directory.
    """
    return reached_from(Path(script), *(file for name in modules for file in module_files(name)))


def reached_from(*start: Path) -> list[str]:
    """Return these files and all library files that they import, directly or not."""
    files: set[Path] = set()
    waiting = list(start)
    for script in start:
        stages, used = _of_stage(script)
        # the stage's file itself counts as a whole, but only the imports that its function uses are followed
        files |= set(stages)
        waiting += used
    while waiting:
        path = waiting.pop()
        if path not in files and not _left_out(path):
            files.add(path)
            waiting += imports(path)
    return sorted(map(str, files))


@cache
def _of_stage(script: Path) -> tuple[list[Path], list[Path]]:
    """Return the file of a script's stage, and the library files that the stage's function uses.

    Several stages share a file. Following all imports of that file would rerun all of them after an edit of a module
    that only one of them imports.
    """
    call = _STAGE.search(script.read_text(encoding="utf-8")) if script.parts[:1] == ("scripts",) else None
    if not call:
        return [], []
    stages = module_files(call[1])
    if len(stages) != 1:
        return [], stages
    tree = ast.parse(stages[0].read_text(encoding="utf-8"))
    modules = _names_used(tree, call[2])
    return stages, [file for module in modules for file in module_files(module)]


def _names_used(tree: ast.Module, function: str) -> list[str]:
    """Return the modules that a function uses, itself or through other definitions of its file."""
    origins: dict[str, list[str]] = {}  # imported name -> module, or the module that the name itself may be
    bodies: dict[str, ast.stmt] = {}  # name -> its definition in this file
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                origins[alias.asname or alias.name] = [node.module, f"{node.module}.{alias.name}"]
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            bodies[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            bodies |= {target.id: node for target in targets if isinstance(target, ast.Name)}
    modules: dict[str, None] = {}
    waiting, seen = [function], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        modules |= dict.fromkeys(origins.get(name, ()))
        if name in bodies:
            modules |= dict.fromkeys(_imported_names(ast.unparse(bodies[name])))
            waiting += [each.id for each in ast.walk(bodies[name]) if isinstance(each, ast.Name)]
    return list(modules)


def digests_of(files: Iterable[str]) -> dict[str, str]:
    """Return file -> SHA-256 of its content."""
    return {name: hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in files}


def digest_of(files: Iterable[str]) -> str:
    """Return one SHA-256 over the names and contents of files."""
    lines = (f"{name} {digest}\n" for name, digest in digests_of(files).items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@cache
def imports(path: Path) -> list[Path]:
    """Return the library files that a file imports, or uses without importing them; cached per process."""
    if path.suffix != ".py":
        return []
    unseen = (SOURCE / "semalign").glob(UNSEEN[str(path)]) if str(path) in UNSEEN else ()
    names = dict.fromkeys(_imported_names(path.read_text(encoding="utf-8")))
    return [*unseen, *(file for name in names for file in module_files(name))]


def scan() -> None:
    """Fill the cache of `imports` for every file, so that processes forked from this one need not read them."""
    for path in SOURCE.rglob("*.py"):
        imports(path)


def module_files(name: str) -> list[Path]:
    """Return the file or package file of a library module; empty for any other module."""
    base = Path(SOURCE, *name.split("."))
    return [path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()]


def _left_out(path: Path) -> bool:
    return path.name == "registry.py" or path.is_relative_to(SOURCE / "semalign/config")


def _imported_names(text: str) -> Iterator[str]:
    """Yield the modules that a file imports anywhere.

    Only the import statements are parsed, which takes a fifth of the time of parsing the whole file.
    """
    for statement in _IMPORT.finditer(text):
        try:
            node = ast.parse(statement[0].strip()).body[0]
        except SyntaxError:
            continue  # a line inside a string that looks like an import
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
