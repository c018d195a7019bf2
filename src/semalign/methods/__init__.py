"""Methods behind one interface, with one file or folder per method."""
