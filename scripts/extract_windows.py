"""Find the most sensitive windows of the teacher's weights and store their factors (Seeking)."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.signals.extraction.stage:extract_windows")
