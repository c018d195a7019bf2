"""A search that goes on beyond its grid while its best learning rate is the lowest or the highest tried."""
