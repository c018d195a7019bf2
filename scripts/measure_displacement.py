"""Compare where training and targets move the student's hidden states with a reference method (one pair)."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.analysis.displacement.stage:measure_displacement")
