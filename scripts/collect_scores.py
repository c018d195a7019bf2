"""Collect the scores of models that nothing was done to into one table, with published ones."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.statistics.tables.stage:collect_scores")
