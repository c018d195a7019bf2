"""Prepare the five splits of one benchmark."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.benchmarks.stage:prepare_benchmark", online=True)
