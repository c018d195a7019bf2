"""Measure whether maps carry the teacher's predictions over to the student's head (one pair, every map)."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.analysis.stage:measure_crossing")
