# What a study ends with, and what its tables, analyses and notebooks are made from.
NOTEBOOKS = {
    "tables": (["main", "comparisons", "contrasts", "detectable"], []),
    "fairness": (["main", "costs", *(["search"] if LAYOUT.searched() else [])], []),
    "ablations": (["ablations"], ["ablation"]),
    "figures": (["main", "similarity"], ["scores", "gap_closed", "similarity"]),
    "decomposition": (["decomposition", "head"], ["decomposition"]),
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


def analysis_parts(study, table):
    """The tables of single models or methods that are joined into one."""
    if table == "search":
        return [f"results/{study}/choices/{'/'.join(search)}/search.csv" for search in LAYOUT.searched()]
    if table == "similarity":
        pairs, methods = STUDY.pairs, STUDY.analysis.similarity.methods
        return expand(
            f"results/{study}/analysis/similarity/{{pair}}/{{method}}.csv", pair=pairs, method=methods
        )
    return expand(
        f"results/{study}/analysis/{table}/{{model}}.csv", model=STUDY.analysis.decomposition.models
    )


def final_targets():
    """The executed notebooks; everything else is on the way to them."""
    return [f"{LAYOUT.root}/notebooks/{name}.html" for name in STUDY.notebooks]
