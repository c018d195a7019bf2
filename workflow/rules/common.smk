# The study's config, its layout, and the functions that rules share.
import ast
import os
import sys
from pathlib import Path

from semalign.config.study import parse_study
from semalign.errors import UserError
from semalign.layout import Layout
from semalign.preflight import check_models
from semalign.script import RUNNER_VARIABLE, name_runner
from semalign.singleton import hold_folder
from semalign.warm import start_server

try:
    STUDY = parse_study(config)
    check_models(STUDY)
    LAYOUT = Layout(STUDY)
    LAYOUT.write_settings()
except UserError as error:
    sys.exit(f"error: {error}")

# one thread a job: two jobs of two threads each slow each other down many times over
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

if workflow.is_main_process:
    os.environ[RUNNER_VARIABLE] = name_runner()
    hold_folder(Path(".snakemake"))


def library(script):
    """The modules of the library that a script imports, directly or not: their edits rerun its rule."""
    return reached_from(Path("scripts") / f"{script}.py")


def reached_from(*start):
    """The files themselves and all modules of the library that they import."""
    found, waiting = set(), list(start)
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        waiting += [module for name in imported_names(path) for module in module_files(name)]
    return sorted(map(str, found))


def imported_names(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def library_of_notebooks():
    """The modules behind the notebooks' sentences and figures."""
    return reached_from(*Path("src/semalign/analysis/sentences").glob("*.py"), *Path("src/semalign/figures").glob("*.py"))


def module_files(name):
    base = Path("src", *name.split("."))
    return [path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()]


def model_of(role):
    """The record of a pair's teacher or student."""
    return lambda wildcards: f"results/{wildcards.study}/models/{getattr(STUDY.pairs[wildcards.pair], role)}/run.json"


def upstream(stage, needed):
    """The record of an earlier signal stage that this folder is made from."""

    def record(wildcards):
        name = LAYOUT.upstream(stage, wildcards.name)[needed]
        return f"results/{wildcards.study}/signals/{wildcards.pair}/{wildcards.benchmark}/{needed}/{name}/run.json"

    return record


def signals_of(wildcards):
    """The records of the signal stages that a cell's method reads."""
    root = f"results/{wildcards.study}/signals/{wildcards.pair}/{wildcards.benchmark}"
    names = {need: LAYOUT.stage_name(wildcards.method, wildcards.variant, need) for need in LAYOUT.needs(wildcards.method)}
    return [f"{root}/{stage}/{name}/run.json" for stage, name in names.items()]


def folder(path):
    """The folder of a record."""
    return str(Path(str(path)).parent)


def analysis_parts(study, table):
    """The tables of single models or methods that are joined into one."""
    if table == "similarity":
        pairs, methods = STUDY.pairs, STUDY.analysis.similarity.methods
        return expand(f"results/{study}/analysis/similarity/{{pair}}/{{method}}.csv", pair=pairs, method=methods)
    return expand(f"results/{study}/analysis/{table}/{{model}}.csv", model=STUDY.analysis.decomposition.models)


def final_targets():
    """The executed notebooks; everything else is on the way to them."""
    return [f"{LAYOUT.root}/notebooks/{name}.html" for name in STUDY.notebooks]
