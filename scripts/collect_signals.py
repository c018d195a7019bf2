"""Collect the results of attribution and pairing of a whole study into two tables."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.analysis.stage:collect_signals")
