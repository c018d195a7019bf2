# Which files of the library stand behind a rule: an edit there reruns it.
# Left out: registries, which only name files, and the config's models, whose effect stands in the settings slices.
import ast
from pathlib import Path

from semalign.benchmarks.registry import BENCHMARKS
from semalign.methods.registry import METHODS


def library(script, *modules):
    """The script and the modules of the library that it imports, directly or not."""
    return reached_from(
        Path("scripts") / f"{script}.py", *(file for name in modules for file in module_files(name))
    )


def reached_from(*start):
    found, waiting = set(), list(start)
    while waiting:
        path = waiting.pop()
        if path in found or path.name == "registry.py" or path.is_relative_to("src/semalign/config"):
            continue
        found.add(path)
        waiting += [file for name in imported_names(path) for file in module_files(name)]
    return sorted(map(str, found))


def imported_names(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def module_files(name):
    base = Path("src", *name.split("."))
    return [path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()]


def library_of_benchmark(wildcards):
    """What makes the splits of one benchmark."""
    return library("prepare_benchmark", BENCHMARKS[wildcards.benchmark])


def library_of_method(wildcards):
    """What runs one method; the others' files don't matter to it."""
    source = METHODS[STUDY.methods[wildcards.method].method].partition(":")[0]
    return library("transfer_knowledge", source)


def library_of_notebooks():
    """The modules behind the notebooks' sentences and figures."""
    return reached_from(
        *Path("src/semalign/analysis/sentences").glob("*.py"), *Path("src/semalign/figures").glob("*.py")
    )
