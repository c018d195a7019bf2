"""Prepare one model of the study as a plain Hugging Face folder."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.models.stage:prepare_model", online=True)
