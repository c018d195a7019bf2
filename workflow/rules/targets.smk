# What a study ends with, and what its tables, analyses and notebooks are made from.
from semalign.config.benchmarks import Mixture
from semalign.config.cells import DEFAULT
from semalign.config.tiny import TinyBenchmark

MEASURES = STUDY.analysis
MADE_IN_PLACE = (TinyBenchmark, Mixture)
MADE_SOURCES = ("tiny", "pruned")


def if_measured(condition, *names):
    """These tables or figures, where the study measures what they show."""
    return list(names) if condition else []


HAS_SIGNALS, HAS_GEOMETRY = bool(LAYOUT.signal_folders("attribution")), bool(MEASURES.geometry.benchmark)
HAS_SIMILARITY = bool(MEASURES.similarity.benchmark and MEASURES.similarity.methods)
SIGNALS, GEOMETRY = if_measured(HAS_SIGNALS, "attribution", "pairing"), if_measured(HAS_GEOMETRY, "geometry")
SIMILARITY = if_measured(HAS_SIMILARITY, "similarity")
CROSSING = if_measured(MEASURES.decomposition.models and STUDY.pairs, "crossing")

# notebook: (the tables it reads, the figures it leaves)
NOTEBOOKS = {
    "tables": (["main", "bits", "comparisons", "contrasts", "detectable"], []),
    "fairness": (["main", "costs", "comparisons", *if_measured(LAYOUT.searched(), "search")], ["cost_gain"]),
    "ablations": (["ablations", "parts"], ["ablation"]),
    "figures": (["main", "agreement", *SIMILARITY], ["scores", "gap_closed", "agreement", *SIMILARITY]),
    "mechanism": (["main", "seeds", "curves", *SIGNALS, *GEOMETRY], [*SIGNALS, "curves", *GEOMETRY]),
    "decomposition": (["decomposition", "head", *CROSSING], ["decomposition"]),
    "benchmarks": (["benchmarks"], []),
}


def notebook_facts(name):
    """The tables and figures of a notebook that the config names."""
    if name not in NOTEBOOKS:
        sys.exit(f"error: config: notebooks: found {name!r}, expected some of {', '.join(NOTEBOOKS)}")
    return NOTEBOOKS[name]


def cell_records(wildcards):
    return [f"{LAYOUT.cell_folder(cell)}/run.json" for cell in LAYOUT.cells]


def decomposition_prompts(wildcards):
    """The benchmark whose texts are read, unless they come from a package."""
    name = STUDY.analysis.decomposition.prompts
    return f"results/{wildcards.study}/benchmarks/{name}/run.json" if name in STUDY.benchmarks else []


def compared_transfer(wildcards):
    """The first seed's transfer of a method, whose layers are compared."""
    benchmark, seed = STUDY.analysis.similarity.benchmark, STUDY.seeds[0]
    cell = f"{wildcards.pair}/{benchmark}/{wildcards.method}/default/seed{seed}"
    return f"results/{wildcards.study}/cells/{cell}/transfer/run.json"


def compared_benchmark(wildcards):
    """The benchmark whose texts those layers read."""
    return f"results/{wildcards.study}/benchmarks/{STUDY.analysis.similarity.benchmark}/run.json"


def default_transfers(wildcards):
    """The transfers of every cell with default settings; a variant's losses stand in its own folder."""
    chosen = (cell for cell in LAYOUT.cells if cell.variant == DEFAULT)
    return [f"{LAYOUT.cell_folder(cell)}/transfer/run.json" for cell in chosen]


def placed_transfers(wildcards):
    """The transfers of a pair whose states are compared with the paper's targets."""
    benchmark = STUDY.analysis.geometry.benchmark
    chosen = (cell for cell in LAYOUT.cells if (cell.pair, cell.benchmark) == (wildcards.pair, benchmark))
    return [f"{LAYOUT.cell_folder(cell)}/transfer/run.json" for cell in chosen]


def placed_benchmark(record):
    """A record of the benchmark at whose answers those states are read."""
    name = STUDY.analysis.geometry.benchmark
    return lambda wildcards: f"{LAYOUT.root}/{record}/run.json".format(benchmark=name, **wildcards)


def pairs_with(benchmark):
    """The pairs that are trained on a benchmark."""
    return [name for name, pair in STUDY.pairs.items() if benchmark in (pair.benchmarks or STUDY.benchmarks)]


def analysis_parts(study, table):
    """The tables of single models, pairs or methods that are joined into one."""
    if table == "similarity":
        pairs, methods = STUDY.pairs, STUDY.analysis.similarity.methods
        return expand(
            f"results/{study}/analysis/similarity/{{pair}}/{{method}}.csv", pair=pairs, method=methods
        )
    if table in ("geometry", "crossing"):
        pairs = pairs_with(STUDY.analysis.geometry.benchmark) if table == "geometry" else STUDY.pairs
        return expand(f"results/{study}/analysis/{table}/{{pair}}.csv", pair=pairs)
    return expand(
        f"results/{study}/analysis/{table}/{{model}}.csv", model=STUDY.analysis.decomposition.models
    )


def fetched():
    """The models and benchmarks that are not made in place: what a machine without internet can't get itself."""
    models = [name for name, given in STUDY.models.items() if given.source not in MADE_SOURCES]
    benchmarks = [name for name, given in STUDY.benchmarks.items() if not isinstance(given, MADE_IN_PLACE)]
    return [f"{LAYOUT.root}/models/{name}/run.json" for name in models] + [
        f"{LAYOUT.root}/benchmarks/{name}/run.json" for name in benchmarks
    ]


def final_targets():
    """The executed notebooks; everything else is on the way to them."""
    return [f"{LAYOUT.root}/notebooks/{name}.html" for name in STUDY.notebooks]
