"""Where the answer comes from, by forward passes alone: layers and neurons of both models (LaTen)."""
