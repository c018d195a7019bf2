"""Recompose what the teacher predicts beyond the student on the student's semantic bases."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.signals.residual.stage:recompose_residual")
