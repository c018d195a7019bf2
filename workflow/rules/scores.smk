# Models scored as they are, under one or several protocols: answers, judgements, one table.
# Inputs `settings` and `code`: see common.smk.


use rule generate_answers as answer_as_it_is with:
    input:
        model="results/{study}/models/{model}/run.json",
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        checked=ancient("results/{study}/checks/scores/{model}/{benchmark}/{protocol}/run.json"),
        settings="results/{study}/settings/scores/{protocol}.json",
        code=library("generate_answers"),
    output:
        answers="results/{study}/scores/{model}/{benchmark}/{protocol}/answers/items.jsonl",
        record="results/{study}/scores/{model}/{benchmark}/{protocol}/answers/run.json",
    log:
        "results/{study}/logs/scores/{model}/{benchmark}/{protocol}/answers.log",
    params:
        scored=options("model"),
        seed=STUDY.scores.seed,
    message:
        "{wildcards.model} {wildcards.benchmark}: generate answers ({wildcards.protocol})"


use rule judge_answers as judge_as_it_is with:
    input:
        answers="results/{study}/scores/{model}/{benchmark}/{protocol}/answers/run.json",
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        settings="results/{study}/settings/judging.json",
        code=library("judge_answers"),
    output:
        metrics="results/{study}/scores/{model}/{benchmark}/{protocol}/metrics.json",
        per_item="results/{study}/scores/{model}/{benchmark}/{protocol}/items.jsonl",
        record="results/{study}/scores/{model}/{benchmark}/{protocol}/run.json",
    log:
        "results/{study}/logs/scores/{model}/{benchmark}/{protocol}/judging.log",
    params:
        transfer="",
        seed=STUDY.scores.seed,
    message:
        "{wildcards.model} {wildcards.benchmark}: judge answers ({wildcards.protocol})"


rule collect_scores:
    input:
        scores=[f"{scored}/run.json" for scored in LAYOUT.score_folders()],
        published="results/{study}/settings/published.json",
        settings="results/{study}/settings/statistics.json",
        code=library("collect_scores"),
    output:
        table="results/{study}/tables/benchmarks.csv",
        record="results/{study}/records/tables/benchmarks.json",
    log:
        "results/{study}/logs/tables/benchmarks.log",
    conda:
        "../../environment.yml"
    message:
        "tables: collect the scores of models as they are, next to published scores"
    shell:
        "python scripts/collect_scores.py --scores {input.scores} --published {input.published}"
        " --settings {input.settings} --out {output.table} --record {output.record} 2>&1 | tee {log}"
