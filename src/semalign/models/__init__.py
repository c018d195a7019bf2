"""Models: their sources, their parts, and how weights and states are read."""
