"""Directions in which training moves a student's states, or in which targets ask it to, compared with a reference.

`tangent` holds the formulas, `reading` reads states and targets, `table` joins them into rows, `stage` is the stage.
"""
