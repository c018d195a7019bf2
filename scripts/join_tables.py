"""Join tables of the same columns into one CSV, in this order."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.statistics.tables.stage:join_tables")
