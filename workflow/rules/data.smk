# Benchmarks: five splits each that do not overlap.
import os

from semalign.benchmarks.mirror import VARIABLE as MIRROR_VARIABLE
from semalign.benchmarks.registry import own_files

# no parameter of the rule: where the data lie is no part of what they are
if STUDY.mirror:
    os.environ[MIRROR_VARIABLE] = STUDY.mirror


rule prepare_benchmark:
    input:
        parts=lambda wildcards: [
            f"results/{wildcards.study}/benchmarks/{part}/run.json"
            for part in LAYOUT.parts_of(wildcards.benchmark)
        ],
        own=lambda wildcards: own_files(STUDY.benchmarks[wildcards.benchmark]),
        settings="results/{study}/settings/benchmarks/{benchmark}.json",
        code=library_of_benchmark,
    output:
        "results/{study}/benchmarks/{benchmark}/run.json",
    log:
        "results/{study}/logs/benchmarks/{benchmark}.log",
    conda:
        "../../environment.yml"
    params:
        out=lambda wildcards, output: folder(output),
        parts=lambda wildcards, input: [folder(part) for part in input.parts],
    message:
        "benchmark {wildcards.benchmark}: prepare the splits"
    shell:
        "python scripts/prepare_benchmark.py --benchmark {wildcards.benchmark} --settings {input.settings}"
        " --parts {params.parts} --out {params.out} 2>&1 | tee {log}"
