"""The embedded family: a corpus that the code generates, a tokenizer, and two pretrained models."""
