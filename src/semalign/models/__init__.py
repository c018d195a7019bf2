"""Models: where they come from, where their parts sit, and how they are read."""
