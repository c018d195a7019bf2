"""LaTen: neurons of the teacher are mapped into the student's by a hypernetwork."""
