"""Measure speed and memory against the usual alternatives; write one file per subject and their table."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("bench.command:bench")
