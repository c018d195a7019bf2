"""Check that a study's artifacts match its config, the code and each other, or remove those that don't."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.study.stage:verify_results")
