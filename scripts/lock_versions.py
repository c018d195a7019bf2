"""Write requirements.lock: the installed version of every package that the project needs."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.study.stage:lock_versions")
