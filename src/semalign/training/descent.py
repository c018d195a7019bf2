"""Minimisation over free tensors, such as targets, with Adam: the best state on the path counts, not the last one."""

from collections.abc import Callable, Sequence

import torch

from semalign.runtime.products import Alike


def descend(
    start: torch.Tensor,
    objective: Callable[[torch.Tensor], torch.Tensor],
    steps: int,
    rate: float,
    counts: Sequence[int] | None = None,
) -> torch.Tensor:
    """Minimise `objective`, which maps rows [rows, width] to values [rows], with `steps` updates from `start`.

    `counts` are the sizes of consecutive groups of rows whose values depend on each other, such as the positions of one
    text; None: every row is its own group. For each group separately, the result holds the rows with the lowest sum of
    values on the path. It is thus never worse than `start`. The values are summed and Adam treats every number
    separately, so that groups do not affect each other.
    """
    rows = start.clone().requires_grad_()
    adam = torch.optim.Adam([rows], lr=rate)
    best, lowest = start, _by_group(torch.full_like(start[:, 0], torch.inf), counts)
    turns = Alike()  # of their operations
    for left in range(steps, -1, -1):
        with turns.turn(counted=left in (steps, 0)):
            with torch.set_grad_enabled(left > 0):
                values = objective(rows)
            found = _by_group(values.detach(), counts).to(start.device)
            better = found < lowest
            lowest = torch.where(better, found, lowest)
            best = torch.where(_by_row(better, counts)[:, None], rows.detach(), best)
            if left:
                (rows.grad,) = torch.autograd.grad(values.sum(), rows)
                adam.step()
    return best


def _by_group(values: torch.Tensor, counts: Sequence[int] | None) -> torch.Tensor:
    """Sums of values [rows] over each group, [groups]."""
    return values if counts is None else torch.stack([part.sum() for part in values.split(list(counts))])


def _by_row(flags: torch.Tensor, counts: Sequence[int] | None) -> torch.Tensor:
    """Each group's flag at all of its rows, [rows]."""
    return flags if counts is None else flags.repeat_interleave(torch.tensor(counts, device=flags.device))
