"""What several methods share: LoRA training, losses on the answers, anchors, costs."""
