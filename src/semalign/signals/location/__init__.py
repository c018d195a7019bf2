"""LaTen's location (arXiv 2505.14436): the layers and neurons that carry an answer, found by forward passes alone."""
