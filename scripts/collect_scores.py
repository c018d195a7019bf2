"""Collect the scores of models that nothing was done to into one table, published ones beside them."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.statistics.tables.stage:collect_scores")
