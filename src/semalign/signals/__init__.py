"""What is read off teacher and student before any training: layers, states, bases, maps, targets."""
