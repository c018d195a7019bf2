"""Ask the hub for the commits of a config's `locked` models and write them into config/revisions.lock."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.study.stage:pin_revisions", online=True)
