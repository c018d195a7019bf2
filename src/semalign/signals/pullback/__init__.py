"""Pullback: displacements with which the student's upper layers predict what the teacher predicts."""
