"""Speed and memory of the library, compared with what a user would write or use instead."""
