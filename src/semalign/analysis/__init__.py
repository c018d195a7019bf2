"""What stands beside the main table: decomposition, similarity of layers, and sentences computed from data."""
