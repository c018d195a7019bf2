# Export of the best student of each pair and benchmark, by the ranking on the validation split. The name of its folder
# is that of the method, which is known once the ranking is made; the record is the rule's only output.
# Inputs `settings` and `code`: see common.smk.


rule export_adapter:
    input:
        ranking="results/{study}/tables/ranking.csv",
        tables="results/{study}/tables/main.csv",
        student=model_of("student"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        roles="results/{study}/settings/pairs/{pair}.json",
        facts="results/{study}/settings/facts.json",
        listed="results/{study}/settings/cells.json",
        settings="results/{study}/settings/export.json",
        code=library("export_adapter"),
    output:
        record="results/{study}/records/export/{pair}/{benchmark}.json",
    log:
        "results/{study}/logs/export/{pair}/{benchmark}.log",
    conda:
        "../../environment.yml"
    params:
        config=config_files(workflow),
    message:
        "{wildcards.pair} {wildcards.benchmark}: export the best student"
    shell:
        "python scripts/export_adapter.py --study results/{wildcards.study} --pair {wildcards.pair}"
        " --benchmark {wildcards.benchmark} --settings {input.settings} --config {params.config}"
        " --record {output.record} 2>&1 | tee {log}"
