# The choice among the trials of a search that ends with its grid (`search.widen: 0`). Inputs `settings` and `code`: see
# common.smk.


rule choose_learning_rate:
    input:
        trials=trials_of,
        untouched=untouched_of,
        settings="results/{study}/settings/searches/{method}/{variant}.json",
        code=library("choose_learning_rate"),
    output:
        choice="results/{study}/choices/{pair}/{benchmark}/{method}/{variant}/choice.json",
        trials="results/{study}/choices/{pair}/{benchmark}/{method}/{variant}/trials.jsonl",
        record="results/{study}/choices/{pair}/{benchmark}/{method}/{variant}/run.json",
    log:
        "results/{study}/logs/choices/{pair}/{benchmark}/{method}/{variant}.log",
    priority: 20
    localrule: True  # takes a second, too short for a cluster job
    conda:
        "../../environment.yml"
    message:
        "{wildcards.pair} {wildcards.benchmark}: {wildcards.method} {wildcards.variant}: choose the learning rate"
    shell:
        "python scripts/choose_learning_rate.py --trials {input.trials} --untouched {input.untouched}"
        " --settings {input.settings} --pair {wildcards.pair} --benchmark {wildcards.benchmark}"
        " --method {wildcards.method} --variant {wildcards.variant} --out {output.record} 2>&1 | tee {log}"
