"""Write the README's findings from the tables of four finished studies, and copy its figures."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.report.stage:write_findings")
