# Benchmarks: five disjoint splits each. Inputs `settings` and `code`: see common.smk.
import os

from semalign.benchmarks.mirror import VARIABLE as MIRROR_VARIABLE

# an environment variable and not a parameter of the rule: moving the mirror must not rerun jobs
if STUDY.mirror:
    os.environ[MIRROR_VARIABLE] = STUDY.mirror


# also writes shots.jsonl and heal.jsonl for benchmarks that have few-shot examples or left-over items
rule prepare_benchmark:
    input:
        parts=lambda wildcards: benchmarks_at(LAYOUT.parts_of(wildcards.benchmark)),
        files=lambda wildcards: files_of("benchmarks", wildcards.benchmark),
        settings="results/{study}/settings/benchmarks/{benchmark}.json",
        code=library_of_benchmark,
    output:
        splits=expand("results/{{study}}/benchmarks/{{benchmark}}/{split}.jsonl", split=SPLITS),
        record="results/{study}/benchmarks/{benchmark}/run.json",
    log:
        "results/{study}/logs/benchmarks/{benchmark}.log",
    conda:
        "../../environment.yml"
    message:
        "benchmark {wildcards.benchmark}: prepare the splits"
    shell:
        "python scripts/prepare_benchmark.py --benchmark {wildcards.benchmark} --settings {input.settings}"
        " --parts {input.parts} --out {output.record} 2>&1 | tee {log}"
