"""The methods under one interface, one file a method."""
