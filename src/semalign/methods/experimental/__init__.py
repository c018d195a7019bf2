"""Experimental methods that are not taken from a paper as published."""
