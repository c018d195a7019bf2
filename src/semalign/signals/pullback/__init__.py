"""Pullback: displacements of the student's states that make its own upper layers say what the teacher says."""
