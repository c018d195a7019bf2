"""Store the teacher's hidden states at the paired layers, for a benchmark's train split."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.signals.stage:extract_activations")
