"""Scoring with lm-eval and this package's task files; the sandbox for model-written code; one record per item."""
