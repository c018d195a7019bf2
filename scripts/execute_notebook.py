"""Execute a notebook with parameters and write it as an HTML page."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.report.stage:execute_notebook")
