"""Collect every learning rate that was tried, with its validation score, into one table."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.statistics.tables.stage:collect_search")
