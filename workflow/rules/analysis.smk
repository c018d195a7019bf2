# Analyses beside the main table: the paper's Figure 2 (decomposition) and Figures 4 to 6 (similarity of layers), what
# maps carry over (crossing), how near students come to the targets (geometry), the signals, and the training curves.


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
        benchmark=compared_benchmark,
        settings="results/{study}/settings/analysis/similarity.json",
        code=library("measure_similarity"),
    output:
        table="results/{study}/analysis/similarity/{pair}/{method}.csv",
        record="results/{study}/records/analysis/similarity/{pair}/{method}.json",
    log:
        "results/{study}/logs/analysis/similarity/{pair}/{method}.log",
    conda:
        "../../environment.yml"
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


rule measure_crossing:
    input:
        teacher=model_of("teacher"),
        student=model_of("student"),
        prompts=decomposition_prompts,
        settings="results/{study}/settings/analysis/decomposition.json",
        alignment="results/{study}/settings/alignment/default.json",
        code=library("measure_crossing"),
    output:
        table="results/{study}/analysis/crossing/{pair}.csv",
        record="results/{study}/records/analysis/crossing/{pair}.json",
    log:
        "results/{study}/logs/analysis/crossing/{pair}.log",
    conda:
        "../../environment.yml"
    params:
        teacher=lambda wildcards, input: folder(input.teacher),
        student=lambda wildcards, input: folder(input.student),
        prompts=lambda wildcards, input: folder(input.prompts) if input.prompts else "humaneval",
    message:
        "{wildcards.pair}: read the teacher's states with the student's head, through every map"
    shell:
        "python scripts/measure_crossing.py --teacher {params.teacher} --student {params.student}"
        " --benchmark {params.prompts} --settings {input.settings} --alignment {input.alignment}"
        " --label pair={wildcards.pair} --out {output.table} --record {output.record} 2>&1 | tee {log}"


rule measure_geometry:
    input:
        transfers=placed_transfers,
        teacher=model_of("teacher"),
        student=model_of("student"),
        benchmark=placed_benchmark("benchmarks/{benchmark}"),
        pairing=placed_benchmark("signals/{pair}/{benchmark}/pairing/default"),
        listed="results/{study}/settings/cells.json",
        settings="results/{study}/settings/analysis/geometry.json",
        activations="results/{study}/settings/activations/default.json",
        alignment="results/{study}/settings/alignment/default.json",
        code=library("measure_geometry"),
    output:
        table="results/{study}/analysis/geometry/{pair}.csv",
        record="results/{study}/records/analysis/geometry/{pair}.json",
    log:
        "results/{study}/logs/analysis/geometry/{pair}.log",
    conda:
        "../../environment.yml"
    params:
        teacher=lambda wildcards, input: folder(input.teacher),
        student=lambda wildcards, input: folder(input.student),
        benchmark=lambda wildcards, input: folder(input.benchmark),
        pairing=lambda wildcards, input: folder(input.pairing),
    message:
        "{wildcards.pair}: measure how near every student comes to the targets"
    shell:
        "python scripts/measure_geometry.py --teacher {params.teacher} --student {params.student}"
        " --benchmark {params.benchmark} --pairing {params.pairing} --pair {wildcards.pair} --cells {input.listed}"
        " --settings {input.settings} --activations {input.activations} --alignment {input.alignment}"
        " --out {output.table} --record {output.record} 2>&1 | tee {log}"


rule collect_signals:
    input:
        attribution=[f"{signal}/run.json" for signal in LAYOUT.signal_folders("attribution")],
        pairing=[f"{signal}/run.json" for signal in LAYOUT.signal_folders("pairing")],
        models=[
            f"{LAYOUT.root}/models/{model}/run.json"
            for pair in STUDY.pairs
            for model in LAYOUT.models_of(pair)
        ],
        settings="results/{study}/settings/statistics.json",
        code=library("collect_signals"),
    output:
        attribution="results/{study}/tables/attribution.csv",
        pairing="results/{study}/tables/pairing.csv",
        record="results/{study}/records/tables/signals.json",
    log:
        "results/{study}/logs/tables/signals.log",
    conda:
        "../../environment.yml"
    params:
        attribution=lambda wildcards, input: [folder(record) for record in input.attribution],
        pairing=lambda wildcards, input: [folder(record) for record in input.pairing],
        pairs=" ".join(
            f"--pair {pair} {' '.join(f'{LAYOUT.root}/models/{model}' for model in LAYOUT.models_of(pair))}"
            for pair in STUDY.pairs
        ),
    message:
        "tables: collect attributions and pairings"
    shell:
        "python scripts/collect_signals.py --attribution {params.attribution} --pairing {params.pairing}"
        " {params.pairs} --settings {input.settings} --attribution-out {output.attribution}"
        " --pairing-out {output.pairing} --record {output.record} 2>&1 | tee {log}"


rule collect_curves:
    input:
        transfers=default_transfers,
        listed="results/{study}/settings/cells.json",
        code=library("collect_curves"),
    output:
        table="results/{study}/tables/curves.csv",
        record="results/{study}/records/tables/curves.json",
    log:
        "results/{study}/logs/tables/curves.log",
    conda:
        "../../environment.yml"
    message:
        "tables: collect training curves"
    shell:
        "python scripts/collect_curves.py --cells {input.listed} --out {output.table} --record {output.record}"
        " 2>&1 | tee {log}"


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
        table="decomposition|head|similarity|geometry|crossing",
    # of a second: not worth a place in a queue
    localrule: True
    conda:
        "../../environment.yml"
    message:
        "tables: {wildcards.table}"
    shell:
        "python scripts/join_tables.py --tables {input.parts} --out {output.table} --record {output.record} 2>&1 | tee {log}"
