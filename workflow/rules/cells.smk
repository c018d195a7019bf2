# Cells: one pair x benchmark x method x variant x seed each. A method makes a transfer; evaluation knows no method,
# and generates in one rule what it judges in another.


rule transfer_knowledge:
    input:
        teacher=model_of("teacher"),
        student=model_of("student"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        signals=signals_of,
        choice=choice_of,
        settings=settings_of_method,
        code=library_of_method,
    output:
        "results/{study}/cells/{pair}/{benchmark}/{method}/{variant}/seed{seed}/transfer/run.json",
    log:
        "results/{study}/logs/cells/{pair}/{benchmark}/{method}/{variant}/seed{seed}/transfer.log",
    conda:
        "../../environment.yml"
    params:
        out=lambda wildcards, output: folder(output),
        teacher=lambda wildcards, input: folder(input.teacher),
        student=lambda wildcards, input: folder(input.student),
        benchmark=lambda wildcards, input: folder(input.benchmark),
        signals=lambda wildcards, input: [folder(record) for record in input.signals],
        choice=lambda wildcards, input: f"--choice {folder(input.choice)}" if input.choice else "",
        seed="{seed}",
        cell="cells/{pair}/{benchmark}/{method}/{variant}/seed{seed}",
    message:
        "{wildcards.pair} {wildcards.benchmark}: {wildcards.method} {wildcards.variant} seed {wildcards.seed}: transfer"
    shell:
        "python scripts/transfer_knowledge.py --student {params.student} --teacher {params.teacher}"
        " --benchmark {params.benchmark} --signals {params.signals} --settings {input.settings}"
        " --seed {params.seed} {params.choice} --checkpoint results/{wildcards.study}/checkpoints/{params.cell}"
        " --label '{params.cell}' --out {params.out} 2>&1 | tee {log}"


rule extract_reference:
    input:
        teacher=model_of("teacher"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        settings="results/{study}/settings/evaluation.json",
        code=library("extract_reference"),
    output:
        "results/{study}/signals/{pair}/{benchmark}/reference/run.json",
    log:
        "results/{study}/logs/signals/{pair}/{benchmark}/reference.log",
    priority: 50
    conda:
        "../../environment.yml"
    params:
        out=lambda wildcards, output: folder(output),
        teacher=lambda wildcards, input: folder(input.teacher),
        benchmark=lambda wildcards, input: folder(input.benchmark),
    message:
        "{wildcards.pair} {wildcards.benchmark}: store the teacher's reference for agreement"
    shell:
        "python scripts/extract_reference.py --teacher {params.teacher} --benchmark {params.benchmark}"
        " --settings {input.settings} --out {params.out} 2>&1 | tee {log}"


rule generate_answers:
    input:
        transfer="results/{study}/cells/{pair}/{benchmark}/{method}/{variant}/seed{seed}/transfer/run.json",
        teacher=model_of("teacher"),
        student=model_of("student"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        reference="results/{study}/signals/{pair}/{benchmark}/reference/run.json",
        settings="results/{study}/settings/evaluation.json",
        code=library("generate_answers"),
    output:
        "results/{study}/cells/{pair}/{benchmark}/{method}/{variant}/seed{seed}/answers/run.json",
    log:
        "results/{study}/logs/cells/{pair}/{benchmark}/{method}/{variant}/seed{seed}/answers.log",
    conda:
        "../../environment.yml"
    params:
        out=lambda wildcards, output: folder(output),
        model=scored_model,
        benchmark=lambda wildcards, input: folder(input.benchmark),
        reference=lambda wildcards, input: f"--reference {folder(input.reference)}",
        seed="{seed}",
    message:
        "{wildcards.pair} {wildcards.benchmark}: {wildcards.method} {wildcards.variant} seed {wildcards.seed}: answer"
    shell:
        "python scripts/generate_answers.py {params.model} --benchmark {params.benchmark} {params.reference}"
        " --settings {input.settings} --seed {params.seed} --out {params.out} 2>&1 | tee {log}"


# the one rule that runs what a model wrote; it loads no model
rule judge_answers:
    input:
        answers="results/{study}/cells/{pair}/{benchmark}/{method}/{variant}/seed{seed}/answers/run.json",
        transfer="results/{study}/cells/{pair}/{benchmark}/{method}/{variant}/seed{seed}/transfer/run.json",
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        settings="results/{study}/settings/judging.json",
        code=library("judge_answers"),
    output:
        metrics="results/{study}/cells/{pair}/{benchmark}/{method}/{variant}/seed{seed}/metrics.json",
        per_item="results/{study}/cells/{pair}/{benchmark}/{method}/{variant}/seed{seed}/items.jsonl",
        record="results/{study}/cells/{pair}/{benchmark}/{method}/{variant}/seed{seed}/run.json",
    log:
        "results/{study}/logs/cells/{pair}/{benchmark}/{method}/{variant}/seed{seed}/judging.log",
    conda:
        "../../environment.yml"
    params:
        out=lambda wildcards, output: folder(output.record),
        answers=lambda wildcards, input: folder(input.answers),
        transfer=lambda wildcards, input: f"--transfer {folder(input.transfer)}",
        benchmark=lambda wildcards, input: folder(input.benchmark),
        seed="{seed}",
    message:
        "{wildcards.pair} {wildcards.benchmark}: {wildcards.method} {wildcards.variant} seed {wildcards.seed}: judge"
    shell:
        "python scripts/judge_answers.py --answers {params.answers} {params.transfer}"
        " --benchmark {params.benchmark} --settings {input.settings} --seed {params.seed} --out {params.out}"
        " 2>&1 | tee {log}"


# a cell's folder may be named as a target: a rule without work has its name
for CELL in map(LAYOUT.cell_folder, LAYOUT.cells):

    rule:
        name:
            CELL
        input:
            f"{CELL}/run.json",
