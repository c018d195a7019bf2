# What single methods read off the teacher, a stage each; all have the same inputs. The registry of methods names them.
from semalign.methods.registry import METHOD_STAGES

for STAGE in METHOD_STAGES:

    rule:
        name:
            f"signal_{STAGE}"
        input:
            teacher=model_of("teacher"),
            student=model_of("student"),
            benchmark="results/{study}/benchmarks/{benchmark}/run.json",
            settings=f"results/{{study}}/settings/{STAGE}/{{name}}.json",
            code=library("extract_signal", METHOD_STAGES[STAGE].split(":")[0]),
        output:
            f"results/{{study}}/signals/{{pair}}/{{benchmark}}/{STAGE}/{{name}}/run.json",
        log:
            f"results/{{study}}/logs/signals/{{pair}}/{{benchmark}}/{STAGE}/{{name}}.log",
        priority: 50
        conda:
            "../../environment.yml"
        params:
            out=lambda wildcards, output: folder(output),
            teacher=lambda wildcards, input: folder(input.teacher),
            student=lambda wildcards, input: folder(input.student),
            benchmark=lambda wildcards, input: folder(input.benchmark),
            stage=STAGE,
        message:
            f"{{wildcards.pair}} {{wildcards.benchmark}}: extract the teacher's {STAGE} ({{wildcards.name}})"
        shell:
            "python scripts/extract_signal.py --stage {params.stage} --teacher {params.teacher}"
            " --student {params.student} --benchmark {params.benchmark} --settings {input.settings}"
            " --out {params.out} 2>&1 | tee {log}"
