"""Let a model answer the scored split of a benchmark, without running any code that it writes."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.evaluation.stage:generate_answers")
