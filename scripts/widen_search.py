"""Try learning rates beyond the grid of a search while the best is at its edge; then choose."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.study.widening.stage:widen_search")
