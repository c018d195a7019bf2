# Which files of the library stand behind a rule: an edit there reruns it.
from pathlib import Path

from semalign.benchmarks.registry import BENCHMARKS
from semalign.library import behind, reached_from
from semalign.methods.registry import module_of


def library(script, *modules):
    """The script and the modules of the library that it imports, directly or not."""
    return behind(f"scripts/{script}.py", modules)


def library_of_benchmark(wildcards):
    """What makes the splits of one benchmark."""
    return library("prepare_benchmark", BENCHMARKS[wildcards.benchmark])


def library_of_method(wildcards):
    """What runs one method; the others' files don't matter to it."""
    return library("transfer_knowledge", module_of(STUDY.methods[wildcards.method].method))


def library_of_notebooks():
    """The modules behind the notebooks' sentences and figures."""
    return reached_from(
        *Path("src/semalign/analysis/sentences").glob("*.py"), *Path("src/semalign/figures").glob("*.py")
    )
