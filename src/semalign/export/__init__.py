"""Export: a trained student in a folder that other software loads, with a card that says what it is and scored."""
