"""Pruning a model: layers, feed-forward channels and width are cut, then distillation heals the smaller model."""
