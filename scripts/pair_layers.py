"""Pair the critical teacher layers with student layers."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.signals.stage:pair_layers")
