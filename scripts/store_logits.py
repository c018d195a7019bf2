"""Store the teacher's next-token distributions on a benchmark's train split."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.signals.distillation.stage:store_logits")
