"""Figures: one file a figure, each with `draw(tables) -> Figure`; `registry` names them, `style` saves them."""
