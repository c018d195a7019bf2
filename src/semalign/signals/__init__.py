"""Signals computed from the teacher and the student before training: layers, states, bases, maps, targets."""
