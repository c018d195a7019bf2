# Signals of the baselines, each read from the teacher for a single method. A method names the signals that it needs.
# Inputs `settings` and `code`: see common.smk.


rule store_logits:
    input:
        roles="results/{study}/settings/pairs/{pair}.json",
        teacher=model_of("teacher"),
        student=model_of("student"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        checked=CHECKED,
        settings="results/{study}/settings/logits/{name}.json",
        code=library("store_logits"),
    output:
        logits="results/{study}/signals/{pair}/{benchmark}/logits/{name}/logits.safetensors",
        facts="results/{study}/signals/{pair}/{benchmark}/logits/{name}/logits.json",
        record="results/{study}/signals/{pair}/{benchmark}/logits/{name}/run.json",
    log:
        "results/{study}/logs/signals/{pair}/{benchmark}/logits/{name}.log",
    priority: 50
    conda:
        "../../environment.yml"
    message:
        "{wildcards.pair} {wildcards.benchmark}: store the teacher's logits ({wildcards.name})"
    shell:
        "python scripts/store_logits.py --teacher {input.teacher} --student {input.student}"
        " --benchmark {input.benchmark} --settings {input.settings}"
        " --out {output.record} 2>&1 | tee {log}"


rule store_states:
    input:
        roles="results/{study}/settings/pairs/{pair}.json",
        teacher=model_of("teacher"),
        student=model_of("student"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        checked=CHECKED,
        settings="results/{study}/settings/states/{name}.json",
        code=library("store_states"),
    output:
        states="results/{study}/signals/{pair}/{benchmark}/states/{name}/states.safetensors",
        facts="results/{study}/signals/{pair}/{benchmark}/states/{name}/states.json",
        record="results/{study}/signals/{pair}/{benchmark}/states/{name}/run.json",
    log:
        "results/{study}/logs/signals/{pair}/{benchmark}/states/{name}.log",
    priority: 50
    conda:
        "../../environment.yml"
    message:
        "{wildcards.pair} {wildcards.benchmark}: store the teacher's final states ({wildcards.name})"
    shell:
        "python scripts/store_states.py --teacher {input.teacher} --student {input.student}"
        " --benchmark {input.benchmark} --settings {input.settings}"
        " --out {output.record} 2>&1 | tee {log}"


rule select_units:
    input:
        roles="results/{study}/settings/pairs/{pair}.json",
        teacher=model_of("teacher"),
        student=model_of("student"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        checked=CHECKED,
        settings="results/{study}/settings/units/{name}.json",
        code=library("select_units"),
    output:
        units="results/{study}/signals/{pair}/{benchmark}/units/{name}/units.safetensors",
        facts="results/{study}/signals/{pair}/{benchmark}/units/{name}/units.json",
        record="results/{study}/signals/{pair}/{benchmark}/units/{name}/run.json",
    log:
        "results/{study}/logs/signals/{pair}/{benchmark}/units/{name}.log",
    priority: 50
    conda:
        "../../environment.yml"
    message:
        "{wildcards.pair} {wildcards.benchmark}: select the teacher's units ({wildcards.name})"
    shell:
        "python scripts/select_units.py --teacher {input.teacher} --student {input.student}"
        " --benchmark {input.benchmark} --settings {input.settings}"
        " --out {output.record} 2>&1 | tee {log}"


rule extract_windows:
    input:
        roles="results/{study}/settings/pairs/{pair}.json",
        teacher=model_of("teacher"),
        student=model_of("student"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        checked=CHECKED,
        settings="results/{study}/settings/extraction/{name}.json",
        code=library("extract_windows"),
    output:
        factors="results/{study}/signals/{pair}/{benchmark}/extraction/{name}/factors.safetensors",
        windows="results/{study}/signals/{pair}/{benchmark}/extraction/{name}/extraction.json",
        record="results/{study}/signals/{pair}/{benchmark}/extraction/{name}/run.json",
    log:
        "results/{study}/logs/signals/{pair}/{benchmark}/extraction/{name}.log",
    priority: 50
    conda:
        "../../environment.yml"
    message:
        "{wildcards.pair} {wildcards.benchmark}: extract the teacher's windows ({wildcards.name})"
    shell:
        "python scripts/extract_windows.py --teacher {input.teacher} --student {input.student}"
        " --benchmark {input.benchmark} --settings {input.settings}"
        " --out {output.record} 2>&1 | tee {log}"


rule locate_neurons:
    input:
        roles="results/{study}/settings/pairs/{pair}.json",
        teacher=model_of("teacher"),
        student=model_of("student"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        checked=CHECKED,
        settings="results/{study}/settings/location/{name}.json",
        code=library("locate_neurons"),
    output:
        location="results/{study}/signals/{pair}/{benchmark}/location/{name}/location.safetensors",
        facts="results/{study}/signals/{pair}/{benchmark}/location/{name}/location.json",
        record="results/{study}/signals/{pair}/{benchmark}/location/{name}/run.json",
    log:
        "results/{study}/logs/signals/{pair}/{benchmark}/location/{name}.log",
    priority: 50
    conda:
        "../../environment.yml"
    message:
        "{wildcards.pair} {wildcards.benchmark}: locate neurons ({wildcards.name})"
    shell:
        "python scripts/locate_neurons.py --teacher {input.teacher} --student {input.student}"
        " --benchmark {input.benchmark} --settings {input.settings}"
        " --out {output.record} 2>&1 | tee {log}"
