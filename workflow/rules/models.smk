# Models: each becomes a plain Hugging Face folder, whatever its source. A pruned model is made after its teacher.
# Inputs `settings` and `code`: see common.smk.


# the only output is the record, because the names of the weight files depend on the source
rule prepare_model:
    input:
        unpack(made_from),
        settings="results/{study}/settings/models/{model}.json",
        code=library_of_model,
    output:
        record="results/{study}/models/{model}/run.json",
    log:
        "results/{study}/logs/models/{model}.log",
    # start the longest jobs first
    priority: 100
    conda:
        "../../environment.yml"
    params:
        sources=options("teacher", "benchmarks"),
    message:
        "model {wildcards.model}: prepare"
    shell:
        "python scripts/prepare_model.py --settings {input.settings} --out {output.record} {params.sources}"
        " --checkpoint results/{wildcards.study}/checkpoints/models/{wildcards.model} 2>&1 | tee {log}"
