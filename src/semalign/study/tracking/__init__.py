"""Sending a study's training curves and scores to a tracker: trackio, MLflow or Weights & Biases.

Curves and scores are read from the files of finished cells (`cells`) and sent by one process at the end of a study, or
later by hand, not from the training loop. Jobs then need neither a tracker's package nor a network, their artifacts
stay the same bytes, a tracker can't stop a training, and results that are there already can be sent, too. What is lost
is the curve of a training that still runs; the log shows it.
"""
