"""Semantic bases of a vocabulary, and the maps between two models' hidden spaces that are made from them."""
