"""Methods with a common interface; one file or folder per method."""
