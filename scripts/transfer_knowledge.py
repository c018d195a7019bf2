"""Run one method with one seed: a student in, a transfer folder out."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.methods.stage:transfer_knowledge")
