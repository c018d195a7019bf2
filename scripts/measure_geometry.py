"""Measure the similarity of students' hidden states to the paper's targets (one pair, one benchmark)."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.analysis.stage:measure_geometry")
