"""Score every teacher layer on the extract split of a benchmark."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.signals.stage:attribute_layers")
