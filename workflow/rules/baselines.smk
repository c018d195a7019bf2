# What the baselines read off the teacher, one stage each; all have the same inputs.
BASELINE_STAGES = {
    "logits": ("store_logits", "store the teacher's logits"),
    "units": ("select_units", "store the teacher's most relevant units"),
    "extraction": ("extract_windows", "extract the teacher's most sensitive windows"),
    "location": ("locate_neurons", "locate the neurons that carry the answer"),
    "states": ("store_states", "store the teacher's final states"),
}

for STAGE, (SCRIPT, SAYS) in BASELINE_STAGES.items():

    rule:
        name:
            SCRIPT
        input:
            teacher=model_of("teacher"),
            student=model_of("student"),
            benchmark="results/{study}/benchmarks/{benchmark}/run.json",
            settings=f"results/{{study}}/settings/{STAGE}/{{name}}.json",
            code=library(SCRIPT),
        output:
            f"results/{{study}}/signals/{{pair}}/{{benchmark}}/{STAGE}/{{name}}/run.json",
        log:
            f"results/{{study}}/logs/signals/{{pair}}/{{benchmark}}/{STAGE}/{{name}}.log",
        priority: 50
        conda:
            "../../environment.yml"
        resources:
            mem_mb=4000,
            runtime=60,
        params:
            out=lambda wildcards, output: folder(output),
            teacher=lambda wildcards, input: folder(input.teacher),
            student=lambda wildcards, input: folder(input.student),
            benchmark=lambda wildcards, input: folder(input.benchmark),
            script=f"scripts/{SCRIPT}.py",
        message:
            f"{{wildcards.pair}} {{wildcards.benchmark}}: {SAYS} ({{wildcards.name}})"
        shell:
            "python {params.script} --teacher {params.teacher} --student {params.student}"
            " --benchmark {params.benchmark} --settings {input.settings} --out {params.out} 2>&1 | tee {log}"
