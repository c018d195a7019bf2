"""SemAlign, version 1 of the paper."""
