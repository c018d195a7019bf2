# Analyses outside the main table: the paper's Figure 2 (decomposition) and Figures 4 to 6 (similarity of layers),
# predictions that maps preserve (crossing), where training and targets move states (displacement), similarity of students
# to the targets (geometry), signals, training curves.
# Inputs `settings` and `code`: see common.smk.


rule measure_decomposition:
    input:
        model="results/{study}/models/{model}/run.json",
        prompts=decomposition_prompts,
        settings="results/{study}/settings/analysis/decomposition.json",
        alignment="results/{study}/settings/alignment/default.json",
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
        texts=source_of_texts,
    message:
        "{wildcards.model}: measure decomposition in every layer"
    shell:
        "python scripts/measure_decomposition.py --model {input.model} --name {wildcards.model}"
        " --benchmark {params.texts} --settings {input.settings} --alignment {input.alignment}"
        " --out {output.layers} --head-out {output.head} --record {output.record} 2>&1 | tee {log}"


rule measure_similarity:
    input:
        transfer=compared_transfer,
        roles="results/{study}/settings/pairs/{pair}.json",
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
        benchmark=STUDY.analysis.similarity.benchmark,
    message:
        "{wildcards.pair} {wildcards.method}: compare layers before and after training"
    shell:
        "python scripts/measure_similarity.py --student {input.student} --teacher {input.teacher}"
        " --transfer {input.transfer} --benchmark {input.benchmark} --settings {input.settings}"
        " --label pair={wildcards.pair} benchmark={params.benchmark} method={wildcards.method}"
        " --out {output.table} --record {output.record} 2>&1 | tee {log}"


rule measure_crossing:
    input:
        roles="results/{study}/settings/pairs/{pair}.json",
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
        texts=source_of_texts,
    message:
        "{wildcards.pair}: predict with the student's head from the teacher's states, through every map"
    shell:
        "python scripts/measure_crossing.py --teacher {input.teacher} --student {input.student}"
        " --benchmark {params.texts} --settings {input.settings} --alignment {input.alignment}"
        " --label pair={wildcards.pair} --out {output.table} --record {output.record} 2>&1 | tee {log}"


rule measure_displacement:
    input:
        unpack(placed_pair("displacement")),
        signals=steered_signals,
        listed="results/{study}/settings/cells.json",
        targets="results/{study}/settings/targets/{pair}.json",
        settings="results/{study}/settings/analysis/displacement.json",
        activations="results/{study}/settings/activations/default.json",
        code=library("measure_displacement"),
    output:
        table="results/{study}/analysis/displacement/{pair}.csv",
        record="results/{study}/records/analysis/displacement/{pair}.json",
    log:
        "results/{study}/logs/analysis/displacement/{pair}.log",
    conda:
        "../../environment.yml"
    message:
        "{wildcards.pair}: compare where training and targets move the student's states"
    shell:
        "python scripts/measure_displacement.py --teacher {input.teacher} --student {input.student}"
        " --benchmark {input.benchmark} --pairing {input.pairing} --pair {wildcards.pair} --cells {input.listed}"
        " --targets {input.targets} --settings {input.settings} --activations {input.activations}"
        " --out {output.table} --record {output.record} 2>&1 | tee {log}"


rule measure_geometry:
    input:
        unpack(placed_pair("geometry")),
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
    message:
        "{wildcards.pair}: measure the similarity of every student to the targets"
    shell:
        "python scripts/measure_geometry.py --teacher {input.teacher} --student {input.student}"
        " --benchmark {input.benchmark} --pairing {input.pairing} --pair {wildcards.pair} --cells {input.listed}"
        " --settings {input.settings} --activations {input.activations} --alignment {input.alignment}"
        " --out {output.table} --record {output.record} 2>&1 | tee {log}"


rule collect_signals:
    input:
        attribution=[f"{signal}/run.json" for signal in LAYOUT.signal_folders("attribution")],
        pairing=[f"{signal}/run.json" for signal in LAYOUT.signal_folders("pairing")],
        alignment=[f"{signal}/run.json" for signal in LAYOUT.signal_folders("alignment")],
        models=[model for _, *models in pairs_of_models() for model in models],
        roles=[f"{LAYOUT.root}/settings/pairs/{pair}.json" for pair in STUDY.pairs],
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
        pairs=[f"--pair {' '.join(pair)}" for pair in pairs_of_models()],
        aligned=lambda wildcards, input: f"--alignment {input.alignment}" if input.alignment else "",
    message:
        "tables: collect attributions and pairings"
    shell:
        "python scripts/collect_signals.py --attribution {input.attribution} --pairing {input.pairing}"
        " {params.aligned} {params.pairs} --settings {input.settings} --attribution-out {output.attribution}"
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
        parts=analysis_parts,
        code=library("join_tables"),
    output:
        table="results/{study}/tables/{table}.csv",
        record="results/{study}/records/tables/{table}.json",
    log:
        "results/{study}/logs/tables/{table}.log",
    wildcard_constraints:
        table="|".join(JOINED),
    localrule: True  # takes a second, too short for a cluster job
    conda:
        "../../environment.yml"
    message:
        "tables: join {wildcards.table}"
    shell:
        "python scripts/join_tables.py --tables {input.parts} --out {output.table} --record {output.record} 2>&1 | tee {log}"
