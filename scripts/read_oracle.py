"""Store how far a student that another method trained has moved, on a benchmark's train split."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.signals.oracle.stage:read_oracle")
