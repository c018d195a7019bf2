"""Locate the neurons of both models that are most responsible for the answer (LaTen)."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.signals.location.stage:locate_neurons")
