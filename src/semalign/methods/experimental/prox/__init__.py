"""Targets solved per position through the student's own head, and training towards them."""
