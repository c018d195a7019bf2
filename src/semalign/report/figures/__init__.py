"""Figures: one file per figure, which registers its `draw(tables)`; `style` saves them."""
