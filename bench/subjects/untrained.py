"""Finding the rows of a head that were never trained, against the distances of all pairs of rows."""

from typing import Any

import torch

from bench.subject import Case, Check, Goal, Sides, Size, Subject
from semalign.models.untrained import GROUP, NEAR, find_trained

AT_ONCE = 1024
SHARE = 0.024  # of the rows; as in Gemma 3


def all_pairs(weight: torch.Tensor) -> torch.Tensor:
    """The ids of the rows with fewer than GROUP rows, itself included, within NEAR of the median distance."""
    kept = []
    for rows in weight.split(AT_ONCE):
        distances = torch.cdist(rows, weight)
        near = distances <= NEAR * distances.median(dim=1, keepdim=True).values
        kept.append(near.sum(dim=1) < GROUP)
    return torch.cat(kept).nonzero()[:, 0].cpu()


def build(size: Size, device: str) -> Sides:
    """The sides with a random head whose last rows are nearly equal."""
    generator = torch.Generator().manual_seed(0)
    rows, width = size["rows"], size["width"]
    weight = torch.randn(rows, width, generator=generator)
    unused = round(SHARE * rows)
    noise = 0.02 * torch.randn(unused, width, generator=generator)
    weight[-unused:] = torch.randn(width, generator=generator) + noise
    weight = weight.to(device, getattr(torch, size["dtype"]))

    def check(mine: Any, theirs: Any) -> Check:
        expected = torch.arange(rows - unused)
        wrong = [
            len({*found.tolist()} ^ {*expected.tolist()}) for found in (mine, theirs) if found is not None
        ]
        return Check("rows judged wrongly", max(wrong), 0)

    def ours() -> torch.Tensor:
        found = find_trained(weight).rows
        return torch.arange(rows) if found is None else found

    theirs = (lambda: all_pairs(weight)) if size["pairs"] else None
    return Sides(ours, theirs, check, work=rows)


SUBJECT = Subject(
    "untrained rows",
    "the distances of all pairs of rows",
    {
        "cpu": (
            Case(
                "16,384 x 576",
                {"rows": 16384, "width": 576, "dtype": "float32", "pairs": True},
                3,
                goal=Goal(faster=5),
            ),
            Case(
                "32,000 x 5,120, float16",
                {"rows": 32000, "width": 5120, "dtype": "float16", "pairs": False},
                3,
                goal=Goal(seconds=10),
            ),
        ),
        "cuda": (
            Case(
                "32,000 x 5,120, float16",
                {"rows": 32000, "width": 5120, "dtype": "float16", "pairs": True},
                3,
                goal=Goal(faster=1),
            ),
        ),
        "quick": (Case("pico", {"rows": 400, "width": 16, "dtype": "float32", "pairs": True}, 2),),
    },
    build,
    unit="rows",
)
