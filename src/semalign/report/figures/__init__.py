"""Figures: one file a figure, each with `draw(tables)`; `registry` names them and `style` saves them."""
