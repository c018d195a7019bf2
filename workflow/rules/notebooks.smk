# Notebooks: they read tables, draw figures and describe the results. Papermill executes them, one rule per notebook.
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
            " --executed {log.executed} --out {output.page} --record {output.record}"
            " --reads {input.tables} {input.drawing} --leaves {output.pictures} {output.vectors} 2>&1 | tee {log.text}"
