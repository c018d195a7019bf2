# Benchmarks: five splits each that do not overlap.


rule prepare_benchmark:
    input:
        settings="results/{study}/settings/benchmarks/{benchmark}.json",
        code=library_of_benchmark,
    output:
        "results/{study}/benchmarks/{benchmark}/run.json",
    log:
        "results/{study}/logs/benchmarks/{benchmark}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        out=lambda wildcards, output: folder(output),
    message:
        "benchmark {wildcards.benchmark}: prepare the splits"
    shell:
        "python scripts/prepare_benchmark.py --benchmark {wildcards.benchmark} --settings {input.settings}"
        " --out {params.out} 2>&1 | tee {log}"
