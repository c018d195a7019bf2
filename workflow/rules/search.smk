# The search for a learning rate: every trained method is tried with as many rates, and scored on the validation split.
# A trial is a cell of its own kind: the same scripts, other settings, no test item read.


use rule transfer_knowledge as transfer_trial with:
    input:
        teacher=model_of("teacher"),
        student=model_of("student"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        signals=signals_of,
        choice=[],
        settings="results/{study}/settings/trials/{method}/{variant}/{trial}.json",
        code=library_of_method,
    output:
        "results/{study}/search/{pair}/{benchmark}/{method}/{variant}/{trial}/transfer/run.json",
    log:
        "results/{study}/logs/search/{pair}/{benchmark}/{method}/{variant}/{trial}/transfer.log",
    priority: 20
    params:
        out=lambda wildcards, output: folder(output),
        teacher=lambda wildcards, input: folder(input.teacher),
        student=lambda wildcards, input: folder(input.student),
        benchmark=lambda wildcards, input: folder(input.benchmark),
        signals=lambda wildcards, input: [folder(record) for record in input.signals],
        choice="",
        seed=STUDY.search.seed,
        cell="search/{pair}/{benchmark}/{method}/{variant}/{trial}",
    message:
        "{wildcards.pair} {wildcards.benchmark}: {wildcards.method} {wildcards.variant} {wildcards.trial}: trial transfer"


use rule evaluate_cell as evaluate_trial with:
    input:
        transfer="results/{study}/search/{pair}/{benchmark}/{method}/{variant}/{trial}/transfer/run.json",
        teacher=model_of("teacher"),
        student=model_of("student"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        settings="results/{study}/settings/validation.json",
        code=library("evaluate_cell"),
    output:
        metrics="results/{study}/search/{pair}/{benchmark}/{method}/{variant}/{trial}/metrics.json",
        per_item="results/{study}/search/{pair}/{benchmark}/{method}/{variant}/{trial}/items.jsonl",
        record="results/{study}/search/{pair}/{benchmark}/{method}/{variant}/{trial}/run.json",
    log:
        "results/{study}/logs/search/{pair}/{benchmark}/{method}/{variant}/{trial}/evaluation.log",
    priority: 20
    params:
        out=lambda wildcards, output: folder(output.record),
        transfer=lambda wildcards, input: folder(input.transfer),
        teacher=lambda wildcards, input: folder(input.teacher),
        student=lambda wildcards, input: folder(input.student),
        benchmark=lambda wildcards, input: folder(input.benchmark),
        reference="",
        seed=STUDY.search.seed,
    message:
        "{wildcards.pair} {wildcards.benchmark}: {wildcards.method} {wildcards.variant} {wildcards.trial}: score on validation"


rule choose_learning_rate:
    input:
        trials=trials_of,
        settings="results/{study}/settings/statistics.json",
        code=library("choose_learning_rate"),
    output:
        record="results/{study}/choices/{pair}/{benchmark}/{method}/{variant}/run.json",
        table="results/{study}/choices/{pair}/{benchmark}/{method}/{variant}/search.csv",
    log:
        "results/{study}/logs/choices/{pair}/{benchmark}/{method}/{variant}.log",
    priority: 20
    # of a second: not worth a place in a queue
    localrule: True
    conda:
        "../../environment.yml"
    params:
        out=lambda wildcards, output: folder(output.record),
        trials=lambda wildcards, input: [folder(record) for record in input.trials],
    message:
        "{wildcards.pair} {wildcards.benchmark}: {wildcards.method} {wildcards.variant}: choose the learning rate"
    shell:
        "python scripts/choose_learning_rate.py --trials {params.trials} --pair {wildcards.pair}"
        " --benchmark {wildcards.benchmark} --method {wildcards.method} --variant {wildcards.variant} --settings {input.settings} --out {params.out} 2>&1 | tee {log}"
