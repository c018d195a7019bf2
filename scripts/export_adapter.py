"""Export a trained student of a finished study as a folder that other software loads, with a model card."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.export.stage:export_adapter")
