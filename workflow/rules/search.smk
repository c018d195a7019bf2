# Search for the learning rate, and for other settings that a method names: every searched method has the same number of
# trials, scored on the validation split. A trial runs the same scripts as a cell, but with other settings, and reads no
# test item. The trial `untouched` is the student as it is.
# Inputs `settings` and `code`: see common.smk.


use rule transfer_knowledge as transfer_trial with:
    input:
        roles="results/{study}/settings/pairs/{pair}.json",
        teacher=model_of("teacher"),
        student=model_of("student"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        checked=CHECKED,
        signals=signals_of,
        settings=settings_of_method,
        code=library_of_method,
    output:
        kind="results/{study}/search/{pair}/{benchmark}/{method}/{variant}/{trial}/transfer/transfer.json",
        history="results/{study}/search/{pair}/{benchmark}/{method}/{variant}/{trial}/transfer/history.jsonl",
        record="results/{study}/search/{pair}/{benchmark}/{method}/{variant}/{trial}/transfer/run.json",
    log:
        "results/{study}/logs/search/{pair}/{benchmark}/{method}/{variant}/{trial}/transfer.log",
    priority: 20
    params:
        choice="",
        kept="",
        seed=STUDY.search.seed,
        cell="search/{pair}/{benchmark}/{method}/{variant}/{trial}",
    message:
        "{wildcards.pair} {wildcards.benchmark}: {wildcards.method} {wildcards.variant} {wildcards.trial}: train a trial"


use rule generate_answers as answer_trial with:
    input:
        transfer="results/{study}/search/{pair}/{benchmark}/{method}/{variant}/{trial}/transfer/run.json",
        roles="results/{study}/settings/pairs/{pair}.json",
        teacher=model_of("teacher"),
        student=model_of("student"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        checked=CHECKED,
        settings="results/{study}/settings/validation.json",
        code=library("generate_answers"),
    output:
        answers="results/{study}/search/{pair}/{benchmark}/{method}/{variant}/{trial}/answers/items.jsonl",
        record="results/{study}/search/{pair}/{benchmark}/{method}/{variant}/{trial}/answers/run.json",
    log:
        "results/{study}/logs/search/{pair}/{benchmark}/{method}/{variant}/{trial}/answers.log",
    priority: 20
    params:
        scored=options("student", "teacher", "transfer"),
        seed=STUDY.search.seed,
    message:
        "{wildcards.pair} {wildcards.benchmark}: {wildcards.method} {wildcards.variant} {wildcards.trial}: generate answers (validation)"


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
        transfer=options("transfer"),
        seed=STUDY.search.seed,
    message:
        "{wildcards.pair} {wildcards.benchmark}: {wildcards.method} {wildcards.variant} {wildcards.trial}: judge answers (validation)"
