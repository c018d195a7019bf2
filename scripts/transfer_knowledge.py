"""Run one method with one seed on a student, and write the result, usually an adapter, to a folder."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.methods.stage:transfer_knowledge")
