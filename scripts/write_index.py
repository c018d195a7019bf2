"""Write the page of a study: its verdict, links to everything it made, and how it was made."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.report.stage:write_index")
