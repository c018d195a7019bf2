"""Map the teacher's stored states into the student's space: the targets of steering."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.signals.stage:align_states")
