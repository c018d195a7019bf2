"""Solve for displacements of the student's states with which it predicts what the teacher predicts."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.signals.pullback.stage:solve_pullback")
