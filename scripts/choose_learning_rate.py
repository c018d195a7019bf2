"""Choose a method's learning rate by the validation scores of its trials."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.statistics.stage:choose_learning_rate")
