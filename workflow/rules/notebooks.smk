# Pages. Notebooks read tables, draw figures and describe the results. Papermill executes them, one rule per notebook.
# To add one, put a file into notebooks/ whose metadata names the tables that it reads and the figures that it draws.
# Inputs `settings` and `code`: see common.smk.
COVERAGE = f"{100 * STUDY.statistics.confidence:g} %"
FIGURE = "results/{{study}}/figures/{figure}"

for NOTEBOOK in STUDY.notebooks:
    DECLARED = declared(NOTEBOOK)

    rule:
        name:
            f"notebook_{NOTEBOOK}"
        input:
            notebook=f"notebooks/{NOTEBOOK}.ipynb",
            tables=expand("results/{{study}}/tables/{file}", file=DECLARED.reads),
            pages="results/{study}/settings/notebooks.json",
            code=library("execute_notebook"),
            drawing=library_of_notebooks(),
        output:
            page=report(
                f"results/{{study}}/notebooks/{NOTEBOOK}.html",
                caption="../report/notebook.rst",
                category="Notebooks",
            ),
            pictures=[
                report(f"{FIGURE.format(figure=figure)}.png", caption=caption_of(figure), category="Figures")
                for figure in DECLARED.figures
            ],
            vectors=[f"{FIGURE.format(figure=figure)}.svg" for figure in DECLARED.figures],
            record=f"results/{{study}}/records/notebooks/{NOTEBOOK}.json",
        log:
            executed=f"results/{{study}}/logs/notebooks/{NOTEBOOK}.ipynb",
            text=f"results/{{study}}/logs/notebooks/{NOTEBOOK}.log",
        conda:
            "../../environment.yml"
        params:
            # used by the captions in report/
            caption=DECLARED.caption,
            coverage=COVERAGE,
        message:
            f"notebook {NOTEBOOK}: execute"
        shell:
            "python scripts/execute_notebook.py --notebook {input.notebook} --parameter study {wildcards.study}"
            " --parameter tables results/{wildcards.study}/tables --parameter figures results/{wildcards.study}/figures"
            " --executed {log.executed} --out {output.page} --pages {input.pages} --record {output.record}"
            " --reads {input.tables} {input.drawing} --leaves {output.pictures} {output.vectors} 2>&1 | tee {log.text}"


# the page of a study, with or without notebooks
rule write_index:
    input:
        tables=tables_shown(),
        pages=expand("results/{{study}}/notebooks/{name}.html", name=STUDY.notebooks),
        figures=figures_shown(),
        facts="results/{study}/settings/facts.json",
        listed="results/{study}/settings/cells.json",
        code=library("write_index", "semalign.report.figures.scores"),
    output:
        page="results/{study}/index.html",
        summary="results/{study}/tables/summary.md",
        record="results/{study}/records/index.json",
    log:
        "results/{study}/logs/index.log",
    localrule: True  # of seconds: not worth a place in a queue
    conda:
        "../../environment.yml"
    params:
        config=config_files(workflow),
    message:
        "page of the study: index.html"
    shell:
        "python scripts/write_index.py --facts {input.facts} --cells {input.listed} --tables {input.tables}"
        " --pages {input.pages} --figures {input.figures} --config {params.config}"
        " --out {output.page} --summary {output.summary} --record {output.record} 2>&1 | tee {log}"
