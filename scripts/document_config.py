"""Write the JSON schema and the reference page of the config, generated from its pydantic models."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.study.stage:document_config")
