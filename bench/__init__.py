"""Speed and memory of what the library does, beside what a user would write or use instead."""
