"""The oracle: how far a student that another method trained has moved, as targets known to be reachable.

A control, not a method of transfer: it tells whether steering one layer towards given states can carry a skill at all,
whatever the way in which targets are made.
"""
