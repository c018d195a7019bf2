"""Losses that several methods use, each over supervised positions only and in float32."""

import torch

NEGLIGIBLE = 1e-12


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean negative log-likelihood of the labels in nats."""
    return torch.nn.functional.cross_entropy(logits.float(), labels)


def sparse_kl(
    logits: torch.Tensor, ids: torch.Tensor, log_probs: torch.Tensor, log_tail: torch.Tensor
) -> torch.Tensor:
    """Mean KL(teacher || student) in nats over k + 1 outcomes: the teacher's k likeliest tokens, and the rest.

    Student `logits` [positions, vocabulary]; `ids` and `log_probs` [positions, k]; `log_tail` [positions], -inf
    if nothing is left. Never above the KL over the whole vocabulary (data processing), equal to it when k is
    the whole vocabulary. Both rests are sums over the rest itself: 1 minus the rest of the mass would be lost to
    rounding if a model is sure.
    """
    logits = logits.float()
    ids = ids.long()
    total = logits.logsumexp(-1)
    top = logits.gather(-1, ids) - total[:, None]
    divergence = (log_probs.exp() * (log_probs - top)).sum(-1)
    if ids.shape[-1] < logits.shape[-1]:
        rest = logits.scatter(-1, ids, -torch.inf).logsumexp(-1) - total
        mass = log_tail.exp()
        divergence = divergence + mass * (log_tail.where(mass > 0, 0.0) - rest)
    return divergence.mean()


def correlation_loss(states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """1 - the mean over units of Pearson's correlation over the positions; both [positions, units].

    A unit that does not vary over the positions correlates 0 with any other.
    """
    states, targets = (x.float() - x.float().mean(0) for x in (states, targets))
    return 1 - torch.nn.functional.cosine_similarity(states, targets, dim=0).mean()


def relation_loss(states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """1 - linear CKA of states and targets, both [positions, width], over these positions.

    With centred X and Y, CKA = |X^T Y|^2 / (|X^T X| |Y^T Y|) = <K, L> / (|K| |L|), norms of Frobenius, K = X X^T and
    L = Y Y^T the centred Gram matrices: what positions are to each other (Kornblith et al., arXiv 1905.00414). The
    smaller matrices are formed, [width, width] or [positions, positions]. Plain and hence biased: unrelated states
    score well above 0 if positions are few against the width. Positions that do not differ relate to nothing:
    the loss is 1 and has no gradient.
    """
    x, y = (_centred(rows) for rows in (states, targets))
    if len(x) < x.shape[-1]:
        grams = x @ x.T, y @ y.T
        product = (grams[0] * grams[1]).sum()
        sizes = grams[0].norm() * grams[1].norm()
    else:
        product = (x.T @ y).square().sum()
        sizes = (x.T @ x).norm() * (y.T @ y).norm()
    return 1 - product / sizes.clamp_min(NEGLIGIBLE)


def _centred(rows: torch.Tensor) -> torch.Tensor:
    """Rows less their mean, in float32 and of size 1 as a whole: fourth powers would leave its range."""
    rows = rows.float()
    rows = rows - rows.mean(0)
    return rows / rows.norm().clamp_min(NEGLIGIBLE)


def keep_top(logits: torch.Tensor, names: torch.Tensor, top_k: int) -> dict[str, torch.Tensor]:
    """The `top_k` largest of logits [positions, tokens], which are called `names` [tokens], and the rest."""
    top, index = logits.topk(min(top_k, logits.shape[-1]), dim=-1)
    total = logits.logsumexp(-1)
    # summed over the rest itself: 1 minus the sum of the largest would lose it to rounding
    rest = logits.scatter(-1, index, -torch.inf).logsumexp(-1)
    return {"ids": names[index].int(), "log_probs": top - total[:, None], "log_tail": rest - total}
