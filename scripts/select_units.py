"""Select the dimensions of the teacher's hidden state for Flex-KD and store its states there."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.signals.distillation.stage:select_units")
