"""Check that models can read a benchmark, and that its references can be scored, before any long work."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.evaluation.readiness.stage:check_texts")
