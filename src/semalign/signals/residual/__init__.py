"""The semantic residual: what the teacher predicts beyond the student, recomposed on the student's bases."""
