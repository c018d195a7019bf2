# Analyses beside the main table: the paper's Figure 2 (decomposition) and Figures 4 to 6 (similarity of layers).


rule measure_decomposition:
    input:
        model="results/{study}/models/{model}/run.json",
        prompts=decomposition_prompts,
        settings="results/{study}/settings/analysis/decomposition.json",
        code=library("measure_decomposition"),
    output:
        layers="results/{study}/analysis/decomposition/{model}.csv",
        head="results/{study}/analysis/head/{model}.csv",
        record="results/{study}/records/analysis/decomposition/{model}.json",
    log:
        "results/{study}/logs/analysis/decomposition/{model}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=6000,
        runtime=60,
    params:
        model=lambda wildcards, input: folder(input.model),
        prompts=lambda wildcards, input: folder(input.prompts) if input.prompts else "humaneval",
    message:
        "{wildcards.model}: measure decomposition in every layer"
    shell:
        "python scripts/measure_decomposition.py --model {params.model} --name {wildcards.model}"
        " --benchmark {params.prompts} --settings {input.settings}"
        " --out {output.layers} --head-out {output.head} --record {output.record} 2>&1 | tee {log}"


rule measure_similarity:
    input:
        transfer=compared_transfer,
        teacher=model_of("teacher"),
        student=model_of("student"),
        benchmark=f"results/{{study}}/benchmarks/{STUDY.analysis.similarity.benchmark}/run.json",
        settings="results/{study}/settings/analysis/similarity.json",
        code=library("measure_similarity"),
    output:
        table="results/{study}/analysis/similarity/{pair}/{method}.csv",
        record="results/{study}/records/analysis/similarity/{pair}/{method}.json",
    log:
        "results/{study}/logs/analysis/similarity/{pair}/{method}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=6000,
        runtime=60,
    params:
        transfer=lambda wildcards, input: folder(input.transfer),
        teacher=lambda wildcards, input: folder(input.teacher),
        student=lambda wildcards, input: folder(input.student),
        benchmark=lambda wildcards, input: folder(input.benchmark),
        name=STUDY.analysis.similarity.benchmark,
    message:
        "{wildcards.pair} {wildcards.method}: compare layers before and after"
    shell:
        "python scripts/measure_similarity.py --student {params.student} --teacher {params.teacher}"
        " --transfer {params.transfer} --benchmark {params.benchmark} --settings {input.settings}"
        " --label pair={wildcards.pair} benchmark={params.name} method={wildcards.method}"
        " --out {output.table} --record {output.record} 2>&1 | tee {log}"


rule join_tables:
    input:
        parts=lambda wildcards: analysis_parts(wildcards.study, wildcards.table),
        code=library("join_tables"),
    output:
        table="results/{study}/tables/{table}.csv",
        record="results/{study}/records/tables/{table}.json",
    log:
        "results/{study}/logs/tables/{table}.log",
    wildcard_constraints:
        table="decomposition|head|similarity|search",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=10,
    message:
        "tables: {wildcards.table}"
    shell:
        "python scripts/join_tables.py --tables {input.parts} --out {output.table} --record {output.record} 2>&1 | tee {log}"
