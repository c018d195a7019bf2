"""Semantic bases, the maps between two models that they give, and the tokens that two models share."""
