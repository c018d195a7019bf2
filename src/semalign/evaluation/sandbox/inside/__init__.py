"""What runs inside the sandbox, with the standard library alone; nothing here may import semalign."""
