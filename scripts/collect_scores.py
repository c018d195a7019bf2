"""Collect the scores of models as they are into one table, next to published scores."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.statistics.tables.stage:collect_scores")
