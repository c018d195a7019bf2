"""Figures, sentences, notebooks and pages; it reads tables and imports no science."""
