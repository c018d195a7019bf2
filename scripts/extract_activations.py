"""Store the teacher's states of the paired layers on a benchmark's train split."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.signals.stage:extract_activations")
