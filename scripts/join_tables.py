"""Join tables with the same columns into one CSV file, in the given order."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.statistics.tables.stage:join_tables")
