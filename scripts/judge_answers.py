"""Judge a model's stored answers; the only script that runs what a model wrote."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.evaluation.sandbox.stage:judge_answers")
