"""Losses that several methods use, over supervised positions only and in float32."""

import torch

NEGLIGIBLE = 1e-12


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of logits [positions, vocabulary] and labels [positions], in nats."""
    return torch.nn.functional.cross_entropy(logits.float(), labels)


def sparse_kl(
    logits: torch.Tensor, ids: torch.Tensor, log_probs: torch.Tensor, log_tail: torch.Tensor
) -> torch.Tensor:
    """Mean KL(teacher || student) in nats over k + 1 outcomes: the teacher's k likeliest tokens, and the rest.

    `logits` [positions, vocabulary] are the student's; `ids` and `log_probs` [positions, k] the teacher's likeliest
    tokens; `log_tail` [positions] is the log-mass of its rest, -inf if there is none. The result is at most the KL
    divergence over the whole vocabulary (data processing inequality), and equals it if k is the whole vocabulary. The
    masses of both rests are summed over the rest itself, because 1 minus the sum of the others would be lost to
    rounding if a model is confident.
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
    """1 - mean over units of Pearson's correlation over the positions, for states and targets [positions, units].

    The loss of Flex-KD (arXiv 2507.10155, section 3), as read here: the paper's exact formula was not available. The
    correlation counts as 0 for a unit that does not vary over the positions.
    """
    states, targets = (x.float() - x.float().mean(0) for x in (states, targets))
    return 1 - torch.nn.functional.cosine_similarity(states, targets, dim=0).mean()


def relation_loss(states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """1 - linear CKA of states and targets over a batch's positions, both [positions, width].

    With centred X and Y, CKA = |X^T Y|^2 / (|X^T X| |Y^T Y|) = <K, L> / (|K| |L|) with Frobenius norms (Kornblith et
    al., arXiv 1905.00414). The centred Gram matrices K = X X^T and L = Y Y^T hold the relations between positions.
    Whichever matrices are smaller are formed, [width, width] or [positions, positions].

    Plain CKA is biased: unrelated states score well above 0 if there are few positions relative to the width. If all
    positions are equal, the loss is 1 without a gradient.
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
    """Centred rows in float32, scaled to Frobenius norm 1, since fourth powers could leave float32's range."""
    rows = rows.float()
    rows = rows - rows.mean(0)
    return rows / rows.norm().clamp_min(NEGLIGIBLE)


def fisher_surrogate(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean of 1/2 dz^T (diag p - p p^T) dz = 1/2 Var_p(dz), with dz = z - z_T and p = softmax(z_T), in nats.

    `logits` z and `targets` z_T are [positions, vocabulary]. The matrix is the Fisher information of a softmax in its
    logits, and the value is the second-order expansion of KL(softmax(z_T) || softmax(z)) around z = z_T. A constant
    added to all logits of a position changes nothing.
    """
    targets = targets.float()
    probs = targets.softmax(-1)
    difference = logits.float() - targets
    centred = difference - (probs * difference).sum(-1, keepdim=True)
    return (probs * centred.square()).sum(-1).mean() / 2


def keep_top(logits: torch.Tensor, names: torch.Tensor, top_k: int) -> dict[str, torch.Tensor]:
    """The `top_k` largest of logits [positions, tokens] and the rest, as `sparse_kl` reads them.

    `names` [tokens] are the tokens' ids. Returns `ids` and `log_probs` [positions, k], and `log_tail` [positions].
    """
    top, index = logits.topk(min(top_k, logits.shape[-1]), dim=-1)
    total = logits.logsumexp(-1)
    # summed over the rest itself, because 1 minus the sum of the largest would be lost to rounding
    rest = logits.scatter(-1, index, -torch.inf).logsumexp(-1)
    return {"ids": names[index].int(), "log_probs": top - total[:, None], "log_tail": rest - total}
