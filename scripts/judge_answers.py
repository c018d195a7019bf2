"""Judge a model's stored answers. This is the only script that runs model-written code."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.evaluation.sandbox.stage:judge_answers")
