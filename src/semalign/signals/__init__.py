"""Signals, made from teacher and student before any training: layers, states, bases, maps, targets."""
