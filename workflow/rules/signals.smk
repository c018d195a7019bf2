# Signals: what is read from the teacher once, so that it need not be in memory while the student trains.
# All cells whose settings agree up to a stage share its folder; {name} lists the differences from the default settings.
# Inputs `settings` and `code`: see common.smk.


rule attribute_layers:
    input:
        roles="results/{study}/settings/pairs/{pair}.json",
        teacher=model_of("teacher"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        checked=CHECKED,
        settings="results/{study}/settings/attribution/{name}.json",
        code=library("attribute_layers"),
    output:
        attribution="results/{study}/signals/{pair}/{benchmark}/attribution/{name}/attribution.json",
        record="results/{study}/signals/{pair}/{benchmark}/attribution/{name}/run.json",
    log:
        "results/{study}/logs/signals/{pair}/{benchmark}/attribution/{name}.log",
    priority: 50
    conda:
        "../../environment.yml"
    message:
        "{wildcards.pair} {wildcards.benchmark}: score the teacher layers ({wildcards.name})"
    shell:
        "python scripts/attribute_layers.py --teacher {input.teacher} --benchmark {input.benchmark}"
        " --settings {input.settings} --out {output.record} 2>&1 | tee {log}"


rule pair_layers:
    input:
        roles="results/{study}/settings/pairs/{pair}.json",
        teacher=model_of("teacher"),
        student=model_of("student"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        checked=CHECKED,
        attribution=upstream("pairing", "attribution"),
        settings="results/{study}/settings/pairing/{name}.json",
        code=library("pair_layers"),
    output:
        pairing="results/{study}/signals/{pair}/{benchmark}/pairing/{name}/pairing.json",
        record="results/{study}/signals/{pair}/{benchmark}/pairing/{name}/run.json",
    log:
        "results/{study}/logs/signals/{pair}/{benchmark}/pairing/{name}.log",
    priority: 50
    conda:
        "../../environment.yml"
    message:
        "{wildcards.pair} {wildcards.benchmark}: pair layers ({wildcards.name})"
    shell:
        "python scripts/pair_layers.py --teacher {input.teacher} --student {input.student}"
        " --benchmark {input.benchmark} --attribution {input.attribution} --settings {input.settings}"
        " --out {output.record} 2>&1 | tee {log}"


rule extract_activations:
    input:
        roles="results/{study}/settings/pairs/{pair}.json",
        teacher=model_of("teacher"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        checked=CHECKED,
        pairing=upstream("activations", "pairing"),
        settings="results/{study}/settings/activations/{name}.json",
        code=library("extract_activations"),
    output:
        states="results/{study}/signals/{pair}/{benchmark}/activations/{name}/activations.safetensors",
        facts="results/{study}/signals/{pair}/{benchmark}/activations/{name}/activations.json",
        record="results/{study}/signals/{pair}/{benchmark}/activations/{name}/run.json",
    log:
        "results/{study}/logs/signals/{pair}/{benchmark}/activations/{name}.log",
    priority: 50
    conda:
        "../../environment.yml"
    message:
        "{wildcards.pair} {wildcards.benchmark}: store the teacher's states ({wildcards.name})"
    shell:
        "python scripts/extract_activations.py --teacher {input.teacher}"
        " --benchmark {input.benchmark} --pairing {input.pairing} --settings {input.settings}"
        " --out {output.record} 2>&1 | tee {log}"


# also writes map.safetensors, the map itself, if it is a matrix
rule align_states:
    input:
        roles="results/{study}/settings/pairs/{pair}.json",
        teacher=model_of("teacher"),
        student=model_of("student"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        checked=CHECKED,
        pairing=upstream("alignment", "pairing"),
        activations=upstream("alignment", "activations"),
        settings="results/{study}/settings/alignment/{name}.json",
        code=library_of_map,
    output:
        targets="results/{study}/signals/{pair}/{benchmark}/alignment/{name}/targets.safetensors",
        facts="results/{study}/signals/{pair}/{benchmark}/alignment/{name}/alignment.json",
        record="results/{study}/signals/{pair}/{benchmark}/alignment/{name}/run.json",
    log:
        "results/{study}/logs/signals/{pair}/{benchmark}/alignment/{name}.log",
    priority: 50
    conda:
        "../../environment.yml"
    message:
        "{wildcards.pair} {wildcards.benchmark}: map the states into the student's space ({wildcards.name})"
    shell:
        "python scripts/align_states.py --teacher {input.teacher} --student {input.student}"
        " --benchmark {input.benchmark} --pairing {input.pairing} --activations {input.activations}"
        " --settings {input.settings} --out {output.record} 2>&1 | tee {log}"
