"""Figures, sentences, notebooks and pages, made from tables; nothing here imports models or methods."""
