"""Write the config's JSON schema and the reference pages that are generated from code."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.study.stage:document_config")
