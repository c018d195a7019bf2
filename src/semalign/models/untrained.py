"""Rows of an LM head or an embedding that were never trained, recognised from the weights.

Rows that were never trained share one history (initialisation, weight decay, the same push away from every state) and
end up in one place: at zero, at the mean of the other rows, or wherever the push led. Trained rows are far apart. Land
and Bartolo (arXiv 2405.05417) measure the distance from unused tokens that are known beforehand; here the place is
searched for. A row counts as untrained if it is one of these:

- without a token: the tokenizer has no token with its id;
- empty: zero, or shorter than NEAR times the typical length;
- alike: in a group of at least GROUP rows around one centre. Distances are in units of the typical distance of all rows
  from that centre. The reach of a group is NEAR. A group of at least SHARE of all rows may be wider: its reach is twice
  the median distance of its own rows, at most WIDE, and at most the length of the centre, so that short rows of
  different directions are no group.

Both the short rows and a group must be alone: from their reach to MARGIN times their reach, there are at most ALONE
times as many rows.

Typical is the median, or half of the ninth decile if that is more. If more than MOST of the rows with a token look
untrained, the weights do not tell, and those rows are kept. Untrained rows that still have their own random initial
values can't be told from trained ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from semalign.models.dense_places import dense_places

# The unused tokens of Gemma 3 12B are .04 from their centre (cosine distance .0017), those of SmolLM2-135M up to .09,
# and <|im_start|>, which SmolLM2's fine-tuning uses, is at .14. In Llama 2, Helium and Qwen2.5, tokens with less than a
# tenth of the usual embedding length are never predicted (probability below 1e-4).
NEAR = 0.1
# In the models of the default study, tokens that their corpora lack are within .25 of their centre, all others beyond
# .6. But runs of 9 to 14 spaces, which SmolLM2 knows, are .22 from theirs: a small group must be nearer.
WIDE = 0.3
SHARE = 0.01
# Rows that spread over a line have half as many in that shell, over a plane more than as many, and so on: as if one
# direction, or a few, were all that the distances measure.
MARGIN = 1.5
ALONE = 0.25
GROUP = 4  # more than the special tokens that are initialised as copies of one token
MOST = 0.5  # a median describes trained rows only if these are the majority

CHUNK = 1024  # rows in float32 at once
ROUNDS = 4


@dataclass(frozen=True)
class Trained:
    """Which rows of a matrix were trained, and how many were not, by kind.

    `rows` are the ids of the rows to use, ascending; None: all. If `undecided`, the rows that look `empty` and `alike`
    are among them.
    """

    rows: Tensor | None
    total: int
    without_token: int = 0
    empty: int = 0
    alike: int = 0
    undecided: bool = False

    @property
    def left_out(self) -> int:
        """The number of rows that are not used."""
        return 0 if self.rows is None else self.total - len(self.rows)


def find_trained(weight: Tensor, tokens: Tensor | None = None) -> Trained:
    """Recognise the untrained rows of `weight` [rows, width]; `tokens` are the ids of the tokenizer (None: all rows).

    Rows with values that are not finite are kept.
    """
    total = len(weight)
    ids = torch.arange(total) if tokens is None else tokens[tokens < total].unique()
    lengths = _distances(weight, ids, torch.zeros(weight.shape[1]))
    if not len(ids) or not lengths.isfinite().all():
        return Trained(ids if len(ids) < total else None, total, total - len(ids))
    empty = (lengths == 0) | _inside(lengths, NEAR * _typical(lengths))
    rest = ids[~empty]
    alike = _find_alike(weight, rest)
    counts = int(empty.sum()), int(alike.sum())
    undecided = sum(counts) > MOST * len(ids)
    kept = ids if undecided else rest[~alike]
    return Trained(kept if len(kept) < total else None, total, total - len(ids), *counts, undecided)


def _find_alike(weight: Tensor, ids: Tensor) -> Tensor:
    """Whether each of the rows `ids` [n] is in a group, [n]."""
    alike = torch.zeros(len(ids), dtype=torch.bool)
    for members in dense_places(lambda: stream_rows(weight, ids), len(ids), GROUP):
        if not alike[members].all():
            alike |= _group_around(weight, ids, members)
    return alike


def _group_around(weight: Tensor, ids: Tensor, members: Tensor) -> Tensor:
    """Whether each of the rows `ids` [n] is in the group around some of them, [n]; all False if there is no group."""
    none = torch.zeros(len(ids), dtype=torch.bool)
    for _ in range(ROUNDS):
        centre = _mean(weight, ids[members])
        distances = _distances(weight, ids, centre)
        unit = _typical(distances)
        inside = distances <= WIDE * unit
        if inside.sum() < GROUP:
            return none
        # the nearer half: a centre that rows at the edge do not shift
        members = distances.topk(max(GROUP, int(inside.sum()) // 2), largest=False).indices
    reach = NEAR * unit
    if inside.sum() >= SHARE * len(ids):
        wider = torch.stack([2 * distances[inside].median(), WIDE * unit, centre.norm()]).min()
        reach = torch.maximum(reach, wider)
    group = _inside(distances, reach)
    return group if group.sum() >= GROUP else none


def stream_rows(weight: Tensor, ids: Tensor) -> Iterator[Tensor]:
    """Yield the rows `ids` of `weight` in float32, CHUNK at a time."""
    for part in ids.split(CHUNK):
        yield weight[part.to(weight.device)].float()


def _distances(weight: Tensor, ids: Tensor, centre: Tensor) -> Tensor:
    """Distance of each of the rows `ids` from a point [width], [n]."""
    distances = torch.empty(len(ids))  # small results between large chunks would fragment the memory
    for part, rows in zip(distances.split(CHUNK), stream_rows(weight, ids), strict=True):
        part.copy_((rows - centre.to(rows)).norm(dim=1))
    return distances


def _inside(distances: Tensor, reach: Tensor) -> Tensor:
    """Whether each distance is within reach; all False if those within reach are not alone."""
    inside = distances <= reach
    more = (distances <= MARGIN * reach).sum() - inside.sum()
    return inside & (more <= ALONE * inside.sum())


def _typical(values: Tensor) -> Tensor:
    """The median, or half of the ninth decile if that is more, as when most values are near zero."""
    decile = values.kthvalue(max(1, round(0.9 * len(values)))).values
    return torch.maximum(values.median(), decile / 2)


def _mean(weight: Tensor, ids: Tensor) -> Tensor:
    total = sum(rows.double().sum(dim=0) for rows in stream_rows(weight, ids))
    return (torch.as_tensor(total) / len(ids)).float().cpu()
