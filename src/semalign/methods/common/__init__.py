"""Parts that several methods share: LoRA training, losses on the answers, targets, costs."""
