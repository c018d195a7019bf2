"""The files of the library that a script runs, directly or not: an edit of one makes the script's results stale.

Left out: registries, which only name files, and the config's models, whose effect is in the settings slices. The module
that a registry gives for a name is added by whoever loads it (`modules`).
"""

import ast
import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

SOURCE = Path("src")
# a whole import statement of any depth, its names over several lines in parentheses or on one
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+[\w.]+[ \t]+import[ \t]+(?:\((?:#[^\n]*|[^)#])*\)|[^\n(]+)|import[ \t]+[^\n]+)",
    re.M,
)
# the stage that a script names in its one call
_STAGE = re.compile(r'^ *run_stage\("([\w.]+):(\w+)"', re.M)
# What a file reads, starts or loads without an import: its path -> a pattern below `src/semalign`. A stage that loads
# one entry of a registry names its module instead, so that an edit of one entry makes no other's results stale; these
# analyses may load any map.
UNSEEN = {
    "src/semalign/evaluation/harness.py": "evaluation/tasks/*.yaml",
    "src/semalign/evaluation/sandbox/isolation.py": "evaluation/sandbox/inside/*.py",
    "src/semalign/analysis/crossing.py": "signals/semantics/maps/*.py",
    "src/semalign/analysis/geometry.py": "signals/semantics/maps/*.py",
}


def behind(script: Path | str, modules: Iterable[str] = ()) -> list[str]:
    """The script, the named modules, and all that they import of the library, directly or not.

    Paths are relative to the repository root, which must be the working directory.
    """
    return reached_from(Path(script), *(file for name in modules for file in module_files(name)))


def reached_from(*start: Path) -> list[str]:
    """These files and all that they import of the library, directly or not."""
    files: set[Path] = set()
    waiting = list(start)
    for script in start:
        stages, used = _of_stage(script)
        files |= set(stages)  # of a stage's file, only what its one function uses is followed
        waiting += used
    while waiting:
        path = waiting.pop()
        if path not in files and not _left_out(path):
            files.add(path)
            waiting += imports(path)
    return sorted(map(str, files))


@cache
def _of_stage(script: Path) -> tuple[list[Path], list[Path]]:
    """The file of the stage that a script names, and the files that this stage's function uses of the library.

    The stages of a room share a file: without this, an edit of what one of them imports would rerun all of them.
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
    """The modules that a function of a file uses, itself or by other definitions of that file."""
    origins: dict[str, list[str]] = {}
    bodies: dict[str, ast.stmt] = {}
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
    """File -> SHA-256 of its content."""
    return {name: hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in files}


def digest_of(files: Iterable[str]) -> str:
    """One SHA-256 over the names and contents of files."""
    lines = (f"{name} {digest}\n" for name, digest in digests_of(files).items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@cache
def imports(path: Path) -> list[Path]:
    """The files of the library that one file imports, or uses without an import; read once per process."""
    if path.suffix != ".py":
        return []
    unseen = (SOURCE / "semalign").glob(UNSEEN[str(path)]) if str(path) in UNSEEN else ()
    names = dict.fromkeys(_imported_names(path.read_text(encoding="utf-8")))
    return [*unseen, *(file for name in names for file in module_files(name))]


def scan() -> None:
    """Read the imports of every file, for processes that are forked from this one."""
    for path in SOURCE.rglob("*.py"):
        imports(path)


def module_files(name: str) -> list[Path]:
    """The file or package file of a module of the library; none for a module from elsewhere."""
    base = Path(SOURCE, *name.split("."))
    return [path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()]


def _left_out(path: Path) -> bool:
    return path.name == "registry.py" or path.is_relative_to(SOURCE / "semalign/config")


def _imported_names(text: str) -> Iterator[str]:
    """The modules that a file imports anywhere; only its import statements are parsed, which takes a fifth."""
    for statement in _IMPORT.finditer(text):
        try:
            node = ast.parse(statement[0].strip()).body[0]
        except SyntaxError:
            continue  # a line of a text that begins like one
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
