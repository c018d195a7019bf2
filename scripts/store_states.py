"""Store the teacher's final hidden states on a benchmark's train split."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.signals.distillation.stage:store_states")
