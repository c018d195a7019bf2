# Scores of the trained students on the validation split, and the ranking of methods and seeds by them. They are only
# made if `export.ranking` is true or something is exported. Inputs `settings` and `code`: see common.smk.


use rule generate_answers as answer_validation with:
    input:
        transfer="results/{study}/cells/{pair}/{benchmark}/{method}/{variant}/seed{seed}/transfer/run.json",
        roles="results/{study}/settings/pairs/{pair}.json",
        teacher=model_of("teacher"),
        student=model_of("student"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        checked=CHECKED,
        settings="results/{study}/settings/validation.json",
        code=library("generate_answers"),
    output:
        answers="results/{study}/validation/{pair}/{benchmark}/{method}/{variant}/seed{seed}/answers/items.jsonl",
        record="results/{study}/validation/{pair}/{benchmark}/{method}/{variant}/seed{seed}/answers/run.json",
    log:
        "results/{study}/logs/validation/{pair}/{benchmark}/{method}/{variant}/seed{seed}/answers.log",
    params:
        scored=options("student", "teacher", "transfer"),
        seed="{seed}",
    message:
        "{wildcards.pair} {wildcards.benchmark}: {wildcards.method} {wildcards.variant} seed {wildcards.seed}: generate answers (validation)"


use rule judge_answers as judge_validation with:
    input:
        answers="results/{study}/validation/{pair}/{benchmark}/{method}/{variant}/seed{seed}/answers/run.json",
        transfer="results/{study}/cells/{pair}/{benchmark}/{method}/{variant}/seed{seed}/transfer/run.json",
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        settings="results/{study}/settings/judging-validation.json",
        code=library("judge_answers"),
    output:
        metrics="results/{study}/validation/{pair}/{benchmark}/{method}/{variant}/seed{seed}/metrics.json",
        per_item="results/{study}/validation/{pair}/{benchmark}/{method}/{variant}/seed{seed}/items.jsonl",
        record="results/{study}/validation/{pair}/{benchmark}/{method}/{variant}/seed{seed}/run.json",
    log:
        "results/{study}/logs/validation/{pair}/{benchmark}/{method}/{variant}/seed{seed}/judging.log",
    params:
        transfer=options("transfer"),
        seed="{seed}",
    message:
        "{wildcards.pair} {wildcards.benchmark}: {wildcards.method} {wildcards.variant} seed {wildcards.seed}: judge answers (validation)"


rule collect_ranking:
    input:
        validated=[f"{LAYOUT.validated_folder(cell)}/run.json" for cell in LAYOUT.ranked()],
        cells=[f"{LAYOUT.cell_folder(cell)}/run.json" for cell in LAYOUT.ranked()],
        listed="results/{study}/settings/ranked.json",
        order="results/{study}/settings/order.json",
        settings="results/{study}/settings/statistics.json",
        code=library("collect_ranking"),
    output:
        table="results/{study}/tables/ranking.csv",
        record="results/{study}/records/tables/ranking.json",
    log:
        "results/{study}/logs/tables/ranking.log",
    conda:
        "../../environment.yml"
    message:
        "tables: rank methods and seeds by their validation scores"
    shell:
        "python scripts/collect_ranking.py --cells {input.listed} --order {input.order} --settings {input.settings}"
        " --out {output.table} --record {output.record} 2>&1 | tee {log}"
