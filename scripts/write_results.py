"""Write the results pages of the documentation, and the README's takeaways, from the tables of the stored studies."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.report.stage:write_results")
