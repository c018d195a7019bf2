"""Predicted cost of a study: hours, disk space and peak memory per rule, from model shapes and token counts."""
