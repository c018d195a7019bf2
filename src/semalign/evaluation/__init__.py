"""Scoring with lm-eval and task files of our own; the sandbox for model-written code; a record an item."""
