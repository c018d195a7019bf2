# Final targets of a study, and the inputs of its tables, analyses and notebooks.
from semalign.config.benchmarks import Derived, Mixture
from semalign.config.cells import DEFAULT
from semalign.config.tiny import TinyBenchmark
from semalign.report.levels import FILE as LEVELS
from semalign.study.checks import readers_of
from semalign.study.measures import COLLECTED, JOINED

MEASURES = STUDY.analysis
MADE_IN_PLACE = (TinyBenchmark, Mixture, Derived)
MADE_SOURCES = ("tiny", "pruned")
MEASURED = MEASURING.optional
FITTED = [name for name in STUDY.benchmarks if readers_of(STUDY, name)]


def declared(notebook):
    """The tables and figures that a notebook declares and the study has."""
    return MEASURING.declared(notebook)


def caption_of(figure):
    """The caption of a figure in a report, if there is one."""
    path = Path(workflow.basedir) / f"report/figure_{figure}.rst"
    return str(path) if path.is_file() else None


def cell_records(wildcards):
    """The records of all cells."""
    return [f"{LAYOUT.cell_folder(cell)}/run.json" for cell in LAYOUT.cells]


def decomposition_prompts(wildcards):
    """The record of the benchmark whose prompts are read, unless they come from a package."""
    name = STUDY.analysis.decomposition.prompts
    return f"results/{wildcards.study}/benchmarks/{name}/run.json" if name in STUDY.benchmarks else []


def source_of_texts(wildcards, input):
    """The source of the prompts: the record of that benchmark, or `humaneval` from the package."""
    return input.prompts or "humaneval"


def compared_transfer(wildcards):
    """The student of a method's first seed, whose layers are compared."""
    benchmark, seed = STUDY.analysis.similarity.benchmark, STUDY.seeds[0]
    cell = f"{wildcards.pair}/{benchmark}/{wildcards.method}/default/seed{seed}"
    return f"results/{wildcards.study}/cells/{cell}/transfer/run.json"


def compared_benchmark(wildcards):
    """The benchmark on whose test items the layers are compared."""
    return f"results/{wildcards.study}/benchmarks/{STUDY.analysis.similarity.benchmark}/run.json"


def default_transfers(wildcards):
    """The trained students of all cells with default settings; variants have no curves in the table."""
    cells = (cell for cell in LAYOUT.cells if cell.variant == DEFAULT)
    return [f"{LAYOUT.cell_folder(cell)}/transfer/run.json" for cell in cells]


def placed_pair(section):
    """A pair and its trained students, whose hidden states an analysis measures."""
    return lambda wildcards: placed_students(wildcards, getattr(MEASURES, section).benchmark)


def placed_students(wildcards, benchmark):
    """A pair's models and pairing on a benchmark, and the students that were trained on it."""
    pair = wildcards.pair
    cells = (cell for cell in LAYOUT.cells if (cell.pair, cell.benchmark) == (pair, benchmark))
    return {
        "transfers": [f"{LAYOUT.cell_folder(cell)}/transfer/run.json" for cell in cells],
        "roles": f"{LAYOUT.root}/settings/pairs/{pair}.json",
        "teacher": model_of("teacher")(wildcards),
        "student": model_of("student")(wildcards),
        "benchmark": f"{LAYOUT.root}/benchmarks/{benchmark}/run.json",
        "pairing": f"{LAYOUT.root}/signals/{pair}/{benchmark}/pairing/default/run.json",
    }


def steered_signals(wildcards):
    """The records of the signals with the targets of all methods on the benchmark whose displacements are compared."""
    listed = LAYOUT.settings[f"targets/{wildcards.pair}"]
    return [f"{folder}/run.json" for folder in dict.fromkeys(target["folder"] for target in listed)]


def pairs_of_models():
    """(pair, record of its teacher, record of its student) of every pair."""
    return [
        (pair, *(f"{LAYOUT.root}/models/{model}/run.json" for model in LAYOUT.models_of(pair)))
        for pair in STUDY.pairs
    ]


def pairs_with(benchmark):
    """The pairs that are trained on a benchmark."""
    return [name for name, pair in STUDY.pairs.items() if benchmark in (pair.benchmarks or STUDY.benchmarks)]


def analysis_parts(wildcards):
    """The tables that are joined into one: of single models, pairs, or methods of a pair."""
    table = wildcards.table
    if table in ("decomposition", "head"):
        names = MEASURES.decomposition.models
    elif table == "similarity":
        names = expand("{pair}/{method}", pair=STUDY.pairs, method=MEASURES.similarity.methods)
    elif table in ("displacement", "geometry"):
        names = pairs_with(getattr(MEASURES, table).benchmark)
    else:
        names = STUDY.pairs
    return [f"results/{wildcards.study}/analysis/{table}/{name}.csv" for name in names]


def fetched():
    """The models and benchmarks that the code does not generate, which a machine without internet can't prepare."""
    models = [name for name, model in STUDY.models.items() if model.source not in MADE_SOURCES]
    benchmarks = [name for name, own in STUDY.benchmarks.items() if not isinstance(own, MADE_IN_PLACE)]
    return [f"{LAYOUT.root}/models/{name}/run.json" for name in models] + [
        f"{LAYOUT.root}/benchmarks/{name}/run.json" for name in benchmarks
    ]


def tables_shown():
    """The tables that the study's page lists: what the study measures, and what its notebooks read."""
    names = [*COLLECTED, LEVELS] if LAYOUT.cells else []
    names += ["search.csv"] if MEASURED["search"] else []
    names += ["lengths.csv"] if FITTED else []
    names += ["ranking.csv"] if MEASURED["ranking"] else []
    names += ["benchmarks.csv"] if LAYOUT.score_folders() else []
    names += ["decomposition.csv", "head.csv"] if MEASURES.decomposition.models else []
    names += [f"{name}.csv" for name in JOINED[2:] if MEASURED[name]]
    names += [file for name in STUDY.notebooks for file in declared(name).reads]
    return [f"{LAYOUT.root}/tables/{name}" for name in dict.fromkeys(names)]


def figures_shown():
    """The figures that the notebooks draw."""
    return [
        f"{LAYOUT.root}/figures/{name}.png"
        for notebook in STUDY.notebooks
        for name in declared(notebook).figures
    ]


def exports():
    """The records of what is exported of each pair and benchmark."""
    return [f"{LAYOUT.root}/records/export/{pair}/{benchmark}.json" for pair, benchmark in LAYOUT.exports()]


def final_targets():
    """The study's page, its tables and its cells, and its exports; everything else is on the way to them."""
    wanted = exports() if STUDY.export.at_end else []
    return [f"{LAYOUT.root}/index.html", *tables_shown(), *cell_records(None), *wanted]
