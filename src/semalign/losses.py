"""The losses of steering, each over supervised positions only, in float32 (paper section on steering)."""

from collections.abc import Callable

import torch

LabelLoss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def layer_loss(states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """L_layer = 1 - mean cos(student state, target), both [positions, width]."""
    return 1 - torch.nn.functional.cosine_similarity(states.float(), targets, dim=-1).mean()


def cosine_logits(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """L_out = 1 - mean cos(z, onehot_y) = 1 - mean z_y / |z|; logits [positions, vocabulary], labels [positions]."""
    logits = logits.float()
    chosen = logits.gather(-1, labels[:, None]).squeeze(-1)
    return 1 - (chosen / logits.norm(dim=-1).clamp_min(1e-12)).mean()


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean negative log-likelihood of the labels in nats."""
    return torch.nn.functional.cross_entropy(logits.float(), labels)


LABEL_LOSSES: dict[str, LabelLoss] = {"cosine-logits": cosine_logits, "cross-entropy": cross_entropy}
