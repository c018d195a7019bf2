"""The training loop and its parts: schedule, losses, checkpoints and low-rank factors."""
