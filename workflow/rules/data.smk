# Benchmarks: five disjoint splits each. Inputs `settings` and `code`: see common.smk.
import os

from semalign.benchmarks.mirror import VARIABLE as MIRROR_VARIABLE

# an environment variable and not a parameter of the rule: moving the mirror must not rerun jobs
if STUDY.mirror:
    os.environ[MIRROR_VARIABLE] = STUDY.mirror


# also writes shots.jsonl and heal.jsonl for benchmarks that have few-shot examples or left-over items, and changed.jsonl
# for one whose answers are not those of the benchmark that it is made from
rule prepare_benchmark:
    input:
        parts=lambda wildcards: benchmarks_at(LAYOUT.made_from(wildcards.benchmark)),
        answers=answers_of_benchmark,
        files=lambda wildcards: files_of("benchmarks", wildcards.benchmark),
        models=readers_of_benchmark,
        fitting=fitting_of_benchmark,
        settings="results/{study}/settings/benchmarks/{benchmark}.json",
        code=library_of_benchmark,
    output:
        splits=expand("results/{{study}}/benchmarks/{{benchmark}}/{split}.jsonl", split=SPLITS),
        record="results/{study}/benchmarks/{benchmark}/run.json",
    log:
        "results/{study}/logs/benchmarks/{benchmark}.log",
    conda:
        "../../environment.yml"
    params:
        options=options("answers", "models", "fitting"),
    message:
        "benchmark {wildcards.benchmark}: prepare the splits"
    shell:
        "python scripts/prepare_benchmark.py --benchmark {wildcards.benchmark} --settings {input.settings}"
        " --parts {input.parts} {params.options} --out {output.record} 2>&1 | tee {log}"


# a model's own answers to the train split, for a benchmark that has no labels
rule answer_prompts:
    input:
        model="results/{study}/models/{model}/run.json",
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        settings="results/{study}/settings/answered/{model}/{benchmark}.json",
        code=library("answer_prompts"),
    output:
        answers="results/{study}/answered/{model}/{benchmark}/answers.jsonl",
        record="results/{study}/answered/{model}/{benchmark}/run.json",
    log:
        "results/{study}/logs/answered/{model}/{benchmark}.log",
    priority: 60
    conda:
        "../../environment.yml"
    message:
        "{wildcards.model} {wildcards.benchmark}: answer the prompts of the train split"
    shell:
        "python scripts/answer_prompts.py --model {input.model} --benchmark {input.benchmark}"
        " --settings {input.settings} --out {output.record} 2>&1 | tee {log}"


# Every job that reads a benchmark with a model waits for the check of its texts. The check is an `ancient` input there:
# it must have passed, but a later check makes no result stale.
rule check_texts:
    input:
        roles="results/{study}/settings/pairs/{pair}.json",
        teacher=model_of("teacher"),
        student=model_of("student"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        settings="results/{study}/settings/checks/pairs/{pair}/{benchmark}.json",
        code=library("check_texts"),
    output:
        texts="results/{study}/checks/pairs/{pair}/{benchmark}/texts.json",
        record="results/{study}/checks/pairs/{pair}/{benchmark}/run.json",
    log:
        "results/{study}/logs/checks/pairs/{pair}/{benchmark}.log",
    priority: 60
    conda:
        "../../environment.yml"
    params:
        readers=options("teacher", "student", "model"),
    message:
        "{wildcards.pair} {wildcards.benchmark}: check cuts, lengths and references"
    shell:
        "python scripts/check_texts.py {params.readers} --benchmark {input.benchmark} --settings {input.settings}"
        " --out {output.record} 2>&1 | tee {log}"


use rule check_texts as check_texts_as_it_is with:
    input:
        model="results/{study}/models/{model}/run.json",
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        settings="results/{study}/settings/checks/scores/{model}/{benchmark}/{protocol}.json",
        code=library("check_texts"),
    output:
        texts="results/{study}/checks/scores/{model}/{benchmark}/{protocol}/texts.json",
        record="results/{study}/checks/scores/{model}/{benchmark}/{protocol}/run.json",
    log:
        "results/{study}/logs/checks/scores/{model}/{benchmark}/{protocol}.log",
    message:
        "{wildcards.model} {wildcards.benchmark}: check lengths and references ({wildcards.protocol})"
