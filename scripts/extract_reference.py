"""Store the teacher's predictions on the scored split, the reference for KL and agreement."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.evaluation.stage:extract_reference")
