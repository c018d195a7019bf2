"""Collect what each benchmark has left out or cut, since no model's context holds it, into one table."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.statistics.tables.stage:collect_lengths")
