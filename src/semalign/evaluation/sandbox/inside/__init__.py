"""Code that runs inside the sandbox. It uses only the standard library; nothing here may import semalign."""
