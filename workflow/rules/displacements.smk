# Signals that say where the student's states should move: one displacement per token of the train split, shared by
# learning rates, ranks and seeds. Inputs `settings` and `code`: see common.smk.


rule recompose_residual:
    input:
        roles="results/{study}/settings/pairs/{pair}.json",
        teacher=model_of("teacher"),
        student=model_of("student"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        checked=CHECKED,
        states=upstream("residual", "states"),
        settings="results/{study}/settings/residual/{name}.json",
        code=library("recompose_residual"),
    output:
        displacement="results/{study}/signals/{pair}/{benchmark}/residual/{name}/displacement.safetensors",
        facts="results/{study}/signals/{pair}/{benchmark}/residual/{name}/residual.json",
        record="results/{study}/signals/{pair}/{benchmark}/residual/{name}/run.json",
    log:
        "results/{study}/logs/signals/{pair}/{benchmark}/residual/{name}.log",
    priority: 50
    conda:
        "../../environment.yml"
    message:
        "{wildcards.pair} {wildcards.benchmark}: recompose the semantic residual ({wildcards.name})"
    shell:
        "python scripts/recompose_residual.py --teacher {input.teacher} --student {input.student}"
        " --benchmark {input.benchmark} --states {input.states} --settings {input.settings}"
        " --out {output.record} 2>&1 | tee {log}"


rule read_oracle:
    input:
        roles="results/{study}/settings/pairs/{pair}.json",
        teacher=model_of("teacher"),
        student=model_of("student"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        checked=CHECKED,
        pairing=upstream("oracle", "pairing"),
        transfer=read_student,
        settings="results/{study}/settings/oracle/{name}.json",
        code=library("read_oracle"),
    output:
        displacement="results/{study}/signals/{pair}/{benchmark}/oracle/{name}/displacement.safetensors",
        facts="results/{study}/signals/{pair}/{benchmark}/oracle/{name}/oracle.json",
        record="results/{study}/signals/{pair}/{benchmark}/oracle/{name}/run.json",
    log:
        "results/{study}/logs/signals/{pair}/{benchmark}/oracle/{name}.log",
    conda:
        "../../environment.yml"
    message:
        "{wildcards.pair} {wildcards.benchmark}: read how far another method moves the student ({wildcards.name})"
    shell:
        "python scripts/read_oracle.py --teacher {input.teacher} --student {input.student}"
        " --benchmark {input.benchmark} --pairing {input.pairing} --transfer {input.transfer}"
        " --settings {input.settings} --out {output.record} 2>&1 | tee {log}"


rule solve_pullback:
    input:
        roles="results/{study}/settings/pairs/{pair}.json",
        teacher=model_of("teacher"),
        student=model_of("student"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        checked=CHECKED,
        pairing=upstream("pullback", "pairing"),
        states=upstream("pullback", "states"),
        settings="results/{study}/settings/pullback/{name}.json",
        code=library("solve_pullback"),
    output:
        displacement="results/{study}/signals/{pair}/{benchmark}/pullback/{name}/displacement.safetensors",
        facts="results/{study}/signals/{pair}/{benchmark}/pullback/{name}/pullback.json",
        record="results/{study}/signals/{pair}/{benchmark}/pullback/{name}/run.json",
    log:
        "results/{study}/logs/signals/{pair}/{benchmark}/pullback/{name}.log",
    priority: 50
    conda:
        "../../environment.yml"
    message:
        "{wildcards.pair} {wildcards.benchmark}: solve for the student's displacements ({wildcards.name})"
    shell:
        "python scripts/solve_pullback.py --teacher {input.teacher} --student {input.student}"
        " --benchmark {input.benchmark} --pairing {input.pairing} --states {input.states}"
        " --settings {input.settings} --out {output.record} 2>&1 | tee {log}"
