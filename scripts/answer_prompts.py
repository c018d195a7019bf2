"""Let a model answer the train split of a benchmark; its answers become the labels of another one."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.evaluation.prompts.stage:answer_prompts")
