"""Figures: one file per figure, each announces its `draw(tables)`; `style` saves them."""
