"""Measurements other than scores: decomposition, crossing, similarity of layers, geometry; tables of signals and curves."""
