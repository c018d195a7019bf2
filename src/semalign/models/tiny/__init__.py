"""The embedded models: a tokenizer, and pretraining from scratch."""
