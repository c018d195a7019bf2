"""Checks of texts before any long work: cuts, lengths, and whether the references can be scored."""
