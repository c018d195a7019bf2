# Models: each becomes a plain Hugging Face folder, whatever its source.


rule prepare_model:
    input:
        settings="results/{study}/settings/models/{model}.json",
        code=library("prepare_model"),
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
    message:
        "model {wildcards.model}: prepare"
    shell:
        "python scripts/prepare_model.py --settings {input.settings} --out {params.out}"
        " --checkpoint results/{wildcards.study}/checkpoints/models/{wildcards.model} 2>&1 | tee {log}"
