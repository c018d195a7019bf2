"""A model's greedy answers to the prompts that are trained on."""
