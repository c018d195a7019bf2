"""Slow, direct float64 computations that several tests compare with."""

import numpy as np
import torch

from semalign.models.readout import answer_logits
from semalign.training.losses import cross_entropy


def full_kl(teacher: torch.Tensor, student: torch.Tensor) -> float:
    """KL divergence over the whole vocabulary, one term at a time in float64."""
    p, q = (x.double().softmax(-1).numpy() for x in (teacher, student))
    rows = [sum(a * np.log(a / b) for a, b in zip(*row, strict=True)) for row in zip(p, q, strict=True)]
    return float(np.mean(rows))


def coarse_kl(teacher: torch.Tensor, student: torch.Tensor, k: int) -> float:
    """KL divergence over the teacher's k likeliest tokens and the rest as one outcome, in float64."""
    p, q = (x.double().softmax(-1).numpy() for x in (teacher, student))
    rows = []
    for a, b in zip(p, q, strict=True):
        order = np.argsort(-a)
        outcomes = [(a[i], b[i]) for i in order[:k]]
        if k < len(a):
            outcomes.append((a[order[k:]].sum(), b[order[k:]].sum()))
        rows.append(sum(x * np.log(x / y) for x, y in outcomes))
    return float(np.mean(rows))


def brute_force(scores: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, tuple[int, int]]:
    """Every window's sum by a double loop, and the first maximum."""
    rows, columns = (side - window + 1 for side, window in zip(scores.shape, shape, strict=True))
    sums = np.zeros((rows, columns))
    best = (0, 0)
    for i in range(rows):
        for j in range(columns):
            sums[i, j] = scores[i : i + shape[0], j : j + shape[1]].astype(np.float64).sum()
            if sums[i, j] > sums[best]:
                best = (i, j)
    return sums, best


def sensitivities(model, batches) -> dict[str, torch.Tensor]:
    """S by its definition: all gradients held, absolute values per example, summed in float64."""
    parameters = dict(model.named_parameters())
    total = {name: torch.zeros_like(p, dtype=torch.float64) for name, p in parameters.items()}
    for batch in batches:
        model.requires_grad_(True)
        loss = cross_entropy(answer_logits(model, batch), batch.labels[batch.supervised])
        gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
        for (name, parameter), gradient in zip(parameters.items(), gradients, strict=True):
            if gradient is not None:
                total[name] += (parameter.detach() * gradient).abs().double()
    model.requires_grad_(False)
    return total
