"""Print what a study costs before it runs: jobs, hours, disk and peak memory per rule."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.study.stage:plan_costs")
