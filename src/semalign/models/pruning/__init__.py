"""A smaller model out of a larger one: layers, feed-forward channels and width are cut, distillation heals."""
