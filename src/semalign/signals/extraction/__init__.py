"""What Seeking takes from a teacher: the sub-matrices of its weights that a task is most sensitive to."""
