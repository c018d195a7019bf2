"""Measure how often a map preserves the teacher's prediction under the student's LM head (one pair, all maps)."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.analysis.stage:measure_crossing")
