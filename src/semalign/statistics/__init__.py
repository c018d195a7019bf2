"""Intervals, paired tests, corrections and detectable effects, over items and seeds."""
