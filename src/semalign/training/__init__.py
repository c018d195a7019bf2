"""The training loop and what enters it: schedule, losses, low-rank factors."""
