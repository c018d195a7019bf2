"""Send the training curves and scores of a study's finished cells to trackio, MLflow or Weights & Biases."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.study.stage:track_results", online=True)
