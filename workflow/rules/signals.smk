# Signals: what is read off the teacher once, so that it is not in memory while the student trains.
# A stage's folder is shared by all cells whose settings agree up to it; {name} says how it differs from the default.


rule attribute_layers:
    input:
        teacher=model_of("teacher"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        settings="results/{study}/settings/attribution/{name}.json",
        code=library("attribute_layers"),
    output:
        "results/{study}/signals/{pair}/{benchmark}/attribution/{name}/run.json",
    log:
        "results/{study}/logs/signals/{pair}/{benchmark}/attribution/{name}.log",
    priority: 50
    conda:
        "../../environment.yml"
    params:
        out=lambda wildcards, output: folder(output),
        teacher=lambda wildcards, input: folder(input.teacher),
        benchmark=lambda wildcards, input: folder(input.benchmark),
    message:
        "{wildcards.pair} {wildcards.benchmark}: attribute the task to teacher layers ({wildcards.name})"
    shell:
        "python scripts/attribute_layers.py --teacher {params.teacher} --benchmark {params.benchmark}"
        " --settings {input.settings} --out {params.out} 2>&1 | tee {log}"


rule pair_layers:
    input:
        teacher=model_of("teacher"),
        student=model_of("student"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        attribution=upstream("pairing", "attribution"),
        settings="results/{study}/settings/pairing/{name}.json",
        code=library("pair_layers"),
    output:
        "results/{study}/signals/{pair}/{benchmark}/pairing/{name}/run.json",
    log:
        "results/{study}/logs/signals/{pair}/{benchmark}/pairing/{name}.log",
    priority: 50
    conda:
        "../../environment.yml"
    params:
        out=lambda wildcards, output: folder(output),
        teacher=lambda wildcards, input: folder(input.teacher),
        student=lambda wildcards, input: folder(input.student),
        benchmark=lambda wildcards, input: folder(input.benchmark),
        attribution=lambda wildcards, input: folder(input.attribution),
    message:
        "{wildcards.pair} {wildcards.benchmark}: pair layers ({wildcards.name})"
    shell:
        "python scripts/pair_layers.py --teacher {params.teacher} --student {params.student}"
        " --benchmark {params.benchmark} --attribution {params.attribution}"
        " --settings {input.settings} --out {params.out} 2>&1 | tee {log}"


rule extract_activations:
    input:
        teacher=model_of("teacher"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        pairing=upstream("activations", "pairing"),
        settings="results/{study}/settings/activations/{name}.json",
        code=library("extract_activations"),
    output:
        "results/{study}/signals/{pair}/{benchmark}/activations/{name}/run.json",
    log:
        "results/{study}/logs/signals/{pair}/{benchmark}/activations/{name}.log",
    priority: 50
    conda:
        "../../environment.yml"
    params:
        out=lambda wildcards, output: folder(output),
        teacher=lambda wildcards, input: folder(input.teacher),
        benchmark=lambda wildcards, input: folder(input.benchmark),
        pairing=lambda wildcards, input: folder(input.pairing),
    message:
        "{wildcards.pair} {wildcards.benchmark}: store the teacher's states ({wildcards.name})"
    shell:
        "python scripts/extract_activations.py --teacher {params.teacher} --benchmark {params.benchmark}"
        " --pairing {params.pairing} --settings {input.settings} --out {params.out} 2>&1 | tee {log}"


rule align_states:
    input:
        teacher=model_of("teacher"),
        student=model_of("student"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        pairing=upstream("alignment", "pairing"),
        activations=upstream("alignment", "activations"),
        settings="results/{study}/settings/alignment/{name}.json",
        code=library_of_map,
    output:
        "results/{study}/signals/{pair}/{benchmark}/alignment/{name}/run.json",
    log:
        "results/{study}/logs/signals/{pair}/{benchmark}/alignment/{name}.log",
    priority: 50
    conda:
        "../../environment.yml"
    params:
        out=lambda wildcards, output: folder(output),
        teacher=lambda wildcards, input: folder(input.teacher),
        student=lambda wildcards, input: folder(input.student),
        benchmark=lambda wildcards, input: folder(input.benchmark),
        pairing=lambda wildcards, input: folder(input.pairing),
        activations=lambda wildcards, input: folder(input.activations),
    message:
        "{wildcards.pair} {wildcards.benchmark}: map the states into the student's space ({wildcards.name})"
    shell:
        "python scripts/align_states.py --teacher {params.teacher} --student {params.student}"
        " --benchmark {params.benchmark} --pairing {params.pairing} --activations {params.activations}"
        " --settings {input.settings} --out {params.out} 2>&1 | tee {log}"
