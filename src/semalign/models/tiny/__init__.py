"""The embedded models: their tokenizer, and pretraining from scratch."""
