# Notebooks: they read tables, draw, and say what the numbers say. Papermill executes them.
# A new one is a file in notebooks/ and a line in rules/targets.smk: the tables it reads, the figures it leaves.
for NOTEBOOK in STUDY.notebooks:
    TABLES, FIGURES = notebook_facts(NOTEBOOK)

    rule:
        name:
            f"notebook_{NOTEBOOK}"
        input:
            notebook=f"notebooks/{NOTEBOOK}.ipynb",
            tables=expand("results/{{study}}/tables/{table}.csv", table=TABLES),
            code=library("execute_notebook"),
            drawing=library_of_notebooks(),
        output:
            page=report(
                f"results/{{study}}/notebooks/{NOTEBOOK}.html",
                caption=f"../report/{NOTEBOOK}.rst",
                category="Notebooks",
            ),
            pictures=[
                report(
                    f"results/{{study}}/figures/{figure}.png",
                    caption=f"../report/figure_{figure}.rst",
                    category="Figures",
                )
                for figure in FIGURES
            ],
            vectors=[f"results/{{study}}/figures/{figure}.svg" for figure in FIGURES],
            record=f"results/{{study}}/records/notebooks/{NOTEBOOK}.json",
        log:
            executed=f"results/{{study}}/logs/notebooks/{NOTEBOOK}.ipynb",
            text=f"results/{{study}}/logs/notebooks/{NOTEBOOK}.log",
        conda:
            "../../environment.yml"
        message:
            f"notebook {NOTEBOOK}: execute"
        shell:
            "python scripts/execute_notebook.py --notebook {input.notebook} -p study {wildcards.study}"
            " -p tables results/{wildcards.study}/tables -p figures results/{wildcards.study}/figures"
            " --executed {log.executed} --out {output.page} --record {output.record}"
            " --reads {input.tables} {input.drawing} --leaves {output.pictures} {output.vectors} 2>&1 | tee {log.text}"
