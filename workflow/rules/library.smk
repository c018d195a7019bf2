# The library files that a job depends on, directly or not. Editing one of them reruns the job.
# Their digests are in one small file per script, which is only rewritten if one of them changes.
from functools import cache

from semalign.benchmarks.registry import module_of as module_of_benchmark
from semalign.runtime.files import update_json
from semalign.runtime.code import dependencies_of, digests_of, reached_from
from semalign.methods.registry import METHODS
from semalign.models.registry import module_of as module_of_model
from semalign.signals.semantics.registry import MAPS


@cache
def library(script, *modules):
    """The file with the digests of a script and of all library files that it depends on."""
    return note_code("-".join([script, *modules]), dependencies_of(f"scripts/{script}.py", modules))


def library_of_model(wildcards):
    """The code that prepares one model; an edit of the pruning code does not affect other models."""
    maker = module_of_model(STUDY.models[wildcards.model].source)
    return library("prepare_model", *filter(None, [maker]))


def library_of_benchmark(wildcards):
    """The code that makes the splits of one benchmark; a mixture has no module."""
    name = wildcards.benchmark
    return library("prepare_benchmark", *filter(None, [module_of_benchmark(name, STUDY.benchmarks[name])]))


def library_of_method(wildcards):
    """The code of one method; an edit of another method does not affect it."""
    return library("transfer_knowledge", METHODS.module_of(STUDY.methods[wildcards.method].method))


def library_of_widening(wildcards):
    """The code that trains and scores trials of one method beyond its grid."""
    return library("widen_search", METHODS.module_of(STUDY.methods[wildcards.method].method))


def library_of_map(wildcards):
    """The code that makes the targets with one map; an edit of another map's file does not affect it."""
    settings = LAYOUT.settings[f"alignment/{wildcards.name}"]
    return library("align_states", MAPS.module_of(settings["map"]))


def library_of_notebooks():
    """The code of the notebooks' sentences, tables and figures."""
    room = Path("src/semalign/report")
    parts = [*room.glob("sentences/*.py"), *room.glob("figures/*.py")]
    return reached_from(Path("src/semalign/report/display/__init__.py"), *parts)


def note_code(name, files):
    """Write the digests of files to results/<study>/settings/code."""
    path = f"{LAYOUT.root}/settings/code/{name}.json"
    if WRITES:
        update_json(path, digests_of(files))
    return path
