"""Map the teacher's stored hidden states into the student's space, as targets for steering."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.signals.stage:align_states")
