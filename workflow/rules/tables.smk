# Statistics: tables with intervals and paired tests, computed from the items of every cell.
# Inputs `settings` and `code`: see common.smk.


rule collect_tables:
    input:
        cells=cell_records,
        listed="results/{study}/settings/cells.json",
        order="results/{study}/settings/order.json",
        settings="results/{study}/settings/statistics.json",
        code=library("collect_tables"),
    output:
        main="results/{study}/tables/main.csv",
        main_markdown="results/{study}/tables/main.md",
        main_latex="results/{study}/tables/main.tex",
        scores="results/{study}/tables/scores.csv",
        scores_markdown="results/{study}/tables/scores.md",
        scores_latex="results/{study}/tables/scores.tex",
        ablations="results/{study}/tables/ablations.csv",
        parts="results/{study}/tables/parts.csv",
        agreement="results/{study}/tables/agreement.csv",
        bits="results/{study}/tables/bits.csv",
        free_text="results/{study}/tables/free_text.csv",
        changes="results/{study}/tables/changes.csv",
        seeds="results/{study}/tables/seeds.csv",
        comparisons="results/{study}/tables/comparisons.csv",
        detectable="results/{study}/tables/detectable.csv",
        contrasts="results/{study}/tables/contrasts.csv",
        costs="results/{study}/tables/costs.csv",
        ladder="results/{study}/tables/ladder.csv",
        dose="results/{study}/tables/dose.csv",
        study_costs="results/{study}/tables/study_costs.csv",
        metrics="results/{study}/tables/metrics.json",
        levels="results/{study}/tables/levels.json",
        record="results/{study}/records/tables.json",
    log:
        "results/{study}/logs/tables.log",
    conda:
        "../../environment.yml"
    message:
        "tables: collect the cells, with intervals and paired tests"
    shell:
        "python scripts/collect_tables.py --cells {input.listed} --order {input.order} --settings {input.settings}"
        " --out results/{wildcards.study}/tables --record {output.record} 2>&1 | tee {log}"


# Only for benchmarks that leave out or cut what is too long; without any, no study asks for this table.
rule collect_lengths:
    input:
        benchmarks=[f"{LAYOUT.root}/benchmarks/{name}/run.json" for name in FITTED],
        code=library("collect_lengths"),
    output:
        table="results/{study}/tables/lengths.csv",
        record="results/{study}/records/tables/lengths.json",
    log:
        "results/{study}/logs/tables/lengths.log",
    localrule: True  # takes a second, too short for a cluster job
    conda:
        "../../environment.yml"
    message:
        "tables: collect what is too long for a model's context"
    shell:
        "python scripts/collect_lengths.py --benchmarks {input.benchmarks} --out {output.table}"
        " --record {output.record} 2>&1 | tee {log}"


# The choices contain only the scores of the learning rates. Their intervals are computed here, so that a change of the
# statistics settings does not rerun any training.
rule collect_search:
    input:
        choices=[f"{LAYOUT.root}/choices/{'/'.join(search)}/run.json" for search in LAYOUT.searched()],
        settings="results/{study}/settings/statistics.json",
        code=library("collect_search"),
    output:
        table="results/{study}/tables/search.csv",
        record="results/{study}/records/tables/search.json",
    log:
        "results/{study}/logs/tables/search.log",
    localrule: True  # takes a second, too short for a cluster job
    conda:
        "../../environment.yml"
    message:
        "tables: collect the searches for learning rates"
    shell:
        "python scripts/collect_search.py --choices {input.choices} --settings {input.settings}"
        " --out {output.table} --record {output.record} 2>&1 | tee {log}"
