# The library files that a job runs, imported directly or not; an edit of one reruns the job.
# Their digests are in one small file per script, which is written again only if one of them changes.
from functools import cache

from semalign.benchmarks.registry import module_of as module_of_benchmark
from semalign.runtime.files import update_json
from semalign.runtime.code import behind, digests_of, reached_from
from semalign.methods.registry import METHODS
from semalign.models.registry import module_of as module_of_model
from semalign.signals.semantics.registry import MAPS


@cache
def library(script, *modules):
    """The digests of a script and of the modules of the library that it imports, directly or not."""
    return note_code("-".join([script, *modules]), behind(f"scripts/{script}.py", modules))


def library_of_model(wildcards):
    """What makes one model; the pieces of the recipe that prunes don't matter to the others."""
    maker = module_of_model(STUDY.models[wildcards.model].source)
    return library("prepare_model", *filter(None, [maker]))


def library_of_benchmark(wildcards):
    """What makes the splits of one benchmark; a mixture has no module of its own."""
    name = wildcards.benchmark
    return library("prepare_benchmark", *filter(None, [module_of_benchmark(name, STUDY.benchmarks[name])]))


def library_of_method(wildcards):
    """What runs one method; the others' files don't matter to it."""
    return library("transfer_knowledge", METHODS.module_of(STUDY.methods[wildcards.method].method))


def library_of_map(wildcards):
    """What makes the targets with one map; a map in a file of its own does not matter to the others."""
    settings = LAYOUT.settings[f"alignment/{wildcards.name}"]
    return library("align_states", MAPS.module_of(settings["map"]))


def library_of_notebooks():
    """The modules behind the notebooks' sentences, tables and figures."""
    room = Path("src/semalign/report")
    parts = [*room.glob("sentences/*.py"), *room.glob("figures/*.py")]
    return reached_from(Path("src/semalign/report/display.py"), *parts)


def note_code(name, files):
    """Write the digests of some files next to the rules' settings."""
    path = f"{LAYOUT.root}/settings/code/{name}.json"
    if WRITES:
        update_json(path, digests_of(files))
    return path
