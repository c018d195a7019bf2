"""Write the config's JSON schema and its table of keys from the models that check it."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.study.stage:document_config")
