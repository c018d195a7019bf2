"""Measurements other than scores: decomposition, crossing, similarity, geometry; tables of signals and curves."""
