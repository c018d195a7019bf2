"""Seeking's extraction (arXiv 2310.11451): the teacher's sub-matrices that a task is most sensitive to."""
