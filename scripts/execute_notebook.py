"""Execute one notebook with parameters and write it as a page of HTML."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.report.stage:execute_notebook")
