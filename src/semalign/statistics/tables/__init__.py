"""From finished cells to the tables of a study."""
