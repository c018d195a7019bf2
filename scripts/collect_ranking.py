"""Rank a study's trained students by their scores on the validation split."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.statistics.tables.stage:collect_ranking")
