# Cells: one pair, benchmark, method, variant and seed each. A method trains a student; the evaluation is the same for
# all methods, and generates answers and judges them in separate rules. Inputs `settings` and `code`: see common.smk.


# Also writes the adapter (adapter_config.json and adapter_model.safetensors), or delta.safetensors if the method is not
# low-rank. The methods `student` and `teacher`, which train nothing, write neither.
rule transfer_knowledge:
    input:
        roles="results/{study}/settings/pairs/{pair}.json",
        teacher=model_of("teacher"),
        student=model_of("student"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        checked=CHECKED,
        signals=signals_of,
        choice=choice_of,
        settings=settings_of_method,
        code=library_of_method,
    output:
        kind="results/{study}/cells/{pair}/{benchmark}/{method}/{variant}/seed{seed}/transfer/transfer.json",
        history="results/{study}/cells/{pair}/{benchmark}/{method}/{variant}/seed{seed}/transfer/history.jsonl",
        record="results/{study}/cells/{pair}/{benchmark}/{method}/{variant}/seed{seed}/transfer/run.json",
    log:
        "results/{study}/logs/cells/{pair}/{benchmark}/{method}/{variant}/seed{seed}/transfer.log",
    conda:
        "../../environment.yml"
    params:
        choice=options("choice"),
        kept=kept_of,
        seed="{seed}",
        cell="cells/{pair}/{benchmark}/{method}/{variant}/seed{seed}",
    message:
        "{wildcards.pair} {wildcards.benchmark}: {wildcards.method} {wildcards.variant} seed {wildcards.seed}: train"
    shell:
        "python scripts/transfer_knowledge.py --student {input.student} --teacher {input.teacher}"
        " --benchmark {input.benchmark} --signals {input.signals} --settings {input.settings}"
        " --seed {params.seed} {params.choice} {params.kept} --checkpoint results/{wildcards.study}/checkpoints/{params.cell}"
        " --label '{params.cell}' --out {output.record} 2>&1 | tee {log}"


rule extract_reference:
    input:
        roles="results/{study}/settings/pairs/{pair}.json",
        teacher=model_of("teacher"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        checked=CHECKED,
        settings="results/{study}/settings/evaluation.json",
        code=library("extract_reference"),
    output:
        reference="results/{study}/signals/{pair}/{benchmark}/reference/reference.safetensors",
        record="results/{study}/signals/{pair}/{benchmark}/reference/run.json",
    log:
        "results/{study}/logs/signals/{pair}/{benchmark}/reference.log",
    priority: 50
    conda:
        "../../environment.yml"
    message:
        "{wildcards.pair} {wildcards.benchmark}: store the teacher's predictions for agreement"
    shell:
        "python scripts/extract_reference.py --teacher {input.teacher} --benchmark {input.benchmark}"
        " --settings {input.settings} --out {output.record} 2>&1 | tee {log}"


rule generate_answers:
    input:
        transfer="results/{study}/cells/{pair}/{benchmark}/{method}/{variant}/seed{seed}/transfer/run.json",
        roles="results/{study}/settings/pairs/{pair}.json",
        teacher=model_of("teacher"),
        student=model_of("student"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        checked=CHECKED,
        reference="results/{study}/signals/{pair}/{benchmark}/reference/run.json",
        settings="results/{study}/settings/evaluation.json",
        code=library("generate_answers"),
    output:
        answers="results/{study}/cells/{pair}/{benchmark}/{method}/{variant}/seed{seed}/answers/items.jsonl",
        record="results/{study}/cells/{pair}/{benchmark}/{method}/{variant}/seed{seed}/answers/run.json",
    log:
        "results/{study}/logs/cells/{pair}/{benchmark}/{method}/{variant}/seed{seed}/answers.log",
    conda:
        "../../environment.yml"
    params:
        scored=options("model", "student", "teacher", "transfer", "reference"),
        seed="{seed}",
    message:
        "{wildcards.pair} {wildcards.benchmark}: {wildcards.method} {wildcards.variant} seed {wildcards.seed}: generate answers"
    shell:
        "python scripts/generate_answers.py {params.scored} --benchmark {input.benchmark}"
        " --settings {input.settings} --seed {params.seed} --out {output.record} 2>&1 | tee {log}"


# the only rule that runs model-written code; it loads no model
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
        transfer=options("transfer"),
        seed="{seed}",
    message:
        "{wildcards.pair} {wildcards.benchmark}: {wildcards.method} {wildcards.variant} seed {wildcards.seed}: judge answers"
    shell:
        "python scripts/judge_answers.py --answers {input.answers} {params.transfer}"
        " --benchmark {input.benchmark} --settings {input.settings} --seed {params.seed} --out {output.record}"
        " 2>&1 | tee {log}"


# The folder of a cell can be given as a target: an empty rule with that name makes it one.
for CELL in map(LAYOUT.cell_folder, LAYOUT.cells):

    rule:
        name:
            CELL
        input:
            f"{CELL}/run.json",
