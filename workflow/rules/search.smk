# The search for a learning rate: every trained method is tried with as many rates, and scored on the validation split.
# A trial is a cell of its own kind: the same scripts, other settings, no test item read.


use rule transfer_knowledge as transfer_trial with:
    input:
        teacher=model_of("teacher"),
        student=model_of("student"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        signals=signals_of,
        choice=[],
        settings=settings_of_method,
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


use rule generate_answers as answer_trial with:
    input:
        transfer="results/{study}/search/{pair}/{benchmark}/{method}/{variant}/{trial}/transfer/run.json",
        teacher=model_of("teacher"),
        student=model_of("student"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        settings="results/{study}/settings/validation.json",
        code=library("generate_answers"),
    output:
        "results/{study}/search/{pair}/{benchmark}/{method}/{variant}/{trial}/answers/run.json",
    log:
        "results/{study}/logs/search/{pair}/{benchmark}/{method}/{variant}/{trial}/answers.log",
    priority: 20
    params:
        out=lambda wildcards, output: folder(output),
        model=scored_model,
        benchmark=lambda wildcards, input: folder(input.benchmark),
        reference="",
        seed=STUDY.search.seed,
    message:
        "{wildcards.pair} {wildcards.benchmark}: {wildcards.method} {wildcards.variant} {wildcards.trial}: answer validation"


use rule judge_answers as judge_trial with:
    input:
        answers="results/{study}/search/{pair}/{benchmark}/{method}/{variant}/{trial}/answers/run.json",
        transfer="results/{study}/search/{pair}/{benchmark}/{method}/{variant}/{trial}/transfer/run.json",
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        settings="results/{study}/settings/judging-validation.json",
        code=library("judge_answers"),
    output:
        metrics="results/{study}/search/{pair}/{benchmark}/{method}/{variant}/{trial}/metrics.json",
        per_item="results/{study}/search/{pair}/{benchmark}/{method}/{variant}/{trial}/items.jsonl",
        record="results/{study}/search/{pair}/{benchmark}/{method}/{variant}/{trial}/run.json",
    log:
        "results/{study}/logs/search/{pair}/{benchmark}/{method}/{variant}/{trial}/judging.log",
    priority: 20
    params:
        out=lambda wildcards, output: folder(output.record),
        answers=lambda wildcards, input: folder(input.answers),
        transfer=lambda wildcards, input: f"--transfer {folder(input.transfer)}",
        benchmark=lambda wildcards, input: folder(input.benchmark),
        seed=STUDY.search.seed,
    message:
        "{wildcards.pair} {wildcards.benchmark}: {wildcards.method} {wildcards.variant} {wildcards.trial}: judge"


rule choose_learning_rate:
    input:
        trials=trials_of,
        code=library("choose_learning_rate"),
    output:
        "results/{study}/choices/{pair}/{benchmark}/{method}/{variant}/run.json",
    log:
        "results/{study}/logs/choices/{pair}/{benchmark}/{method}/{variant}.log",
    priority: 20
    localrule: True  # of a second: not worth a place in a queue
    conda:
        "../../environment.yml"
    message:
        "{wildcards.pair} {wildcards.benchmark}: {wildcards.method} {wildcards.variant}: choose the learning rate"
    shell:
        "python scripts/choose_learning_rate.py --trials {input.trials} --pair {wildcards.pair}"
        " --benchmark {wildcards.benchmark} --method {wildcards.method} --variant {wildcards.variant}"
        " --out {output} 2>&1 | tee {log}"
