# Models: each becomes a plain Hugging Face folder, whatever its source. A pruned one comes after its teacher.


rule prepare_model:
    input:
        unpack(made_from),
        settings="results/{study}/settings/models/{model}.json",
        code=library_of_model,
    output:
        "results/{study}/models/{model}/run.json",
    log:
        "results/{study}/logs/models/{model}.log",
    # the longest work comes first
    priority: 100
    conda:
        "../../environment.yml"
    params:
        out=lambda wildcards, output: folder(output),
        teacher=lambda wildcards, input: [f"--teacher {folder(record)}" for record in input.teacher],
        benchmarks=lambda wildcards, input: [folder(record) for record in input.benchmarks],
    message:
        "model {wildcards.model}: prepare"
    shell:
        "python scripts/prepare_model.py --settings {input.settings} --out {params.out}"
        " {params.teacher} --benchmarks {params.benchmarks}"
        " --checkpoint results/{wildcards.study}/checkpoints/models/{wildcards.model} 2>&1 | tee {log}"
