"""Measure how well hidden states survive decomposition onto semantic bases (one model, paper Figure 2)."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.analysis.stage:measure_decomposition")
