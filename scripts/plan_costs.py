"""Print the predicted cost of a study: jobs, hours, disk space and peak memory per rule."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.study.stage:plan_costs")
