"""Collect every term of the training losses of a study's default cells into one table."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.analysis.stage:collect_curves")
