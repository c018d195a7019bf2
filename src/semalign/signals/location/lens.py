"""The logit lens with a fixed scale: a token's probability, read from any vector of the residual stream.

The scale is the one that the final norm applies to the last block's output, so that all parts of a sum are scaled
equally.
"""

from typing import Any

import torch

from semalign.models.anatomy import facts_of

VECTORS_AT_ONCE = 1024
LOGITS_AT_ONCE = (
    1 << 20
)  # over vectors and a part of the vocabulary: 4 MB, about the size of the processor's cache
SAFE = 1e25  # sums of exponentials between 1 / SAFE and SAFE lose no precision in float32


class Lens:
    """lens(v) = softmax(U (gain * v * c)) with c = 1 / RMS of `final` [width], the last block's output.

    LaTen's lens (arXiv 2505.14436) with the scale of the final norm. If that is a LayerNorm, v is centred, c is one
    over the standard deviation of `final`, and the norm's bias is added. With `as_released`, c is one over the square
    root of the standard deviation for either norm, as in the authors' code. Computed in float32, or in float64 if the
    model is in float64.
    """

    def __init__(self, model: Any, final: torch.Tensor, *, as_released: bool = False) -> None:
        facts = facts_of(model)
        norm = model.get_submodule(facts.final_norm)
        head = model.get_output_embeddings()
        self.head = working(head.weight)
        self.head_bias = working(head.bias) if getattr(head, "bias", None) is not None else None
        self.gain = working(norm.weight) + facts.gain_offset
        self.centred = isinstance(norm, torch.nn.LayerNorm)
        self.bias = working(norm.bias) if self.centred and norm.bias is not None else None
        self.softcap = getattr(model.config, "final_logit_softcapping", None)
        self.scale = _released_scale(final) if as_released else norm_scale(norm, final)

    def log_probability(self, vectors: torch.Tensor, token: int) -> torch.Tensor:
        """Log-probabilities [n] of one token under the lens, for vectors [n, width].

        Processes a part of the vectors and of the vocabulary at a time, and keeps only the token's logit and the log of
        the sum of exponentials.
        """
        return torch.cat([self._chunk(part, token) for part in working(vectors).split(VECTORS_AT_ONCE)])

    def _chunk(self, vectors: torch.Tensor, token: int) -> torch.Tensor:
        if self.centred:
            vectors = vectors - vectors.mean(-1, keepdim=True)
        vectors = vectors * self.scale * self.gain
        if self.bias is not None:
            vectors = vectors + self.bias
        size = max(1, LOGITS_AT_ONCE // len(vectors))
        # one buffer for all parts: allocating memory for each would take longer than computing its logits
        room = vectors.new_empty(size * len(vectors))
        parts = [slice(start, start + size) for start in range(0, len(self.head), size)]
        log_sum = self._log_sum(vectors, parts, room)
        return self._logits(vectors, slice(token, token + 1), room)[:, 0] - log_sum

    def _log_sum(self, vectors: torch.Tensor, parts: list[slice], room: torch.Tensor) -> torch.Tensor:
        """Logarithm of the sum [n] of the exponentials of all logits.

        The exponentials are summed directly, which saves two passes. Only if the sum overflows or underflows are they
        computed again relative to the largest logit.
        """
        total = torch.stack([self._logits(vectors, part, room).exp_().sum(-1) for part in parts]).sum(0)
        if ((total > 1 / SAFE) & (total < SAFE)).all():
            return total.log()
        top = torch.stack([self._logits(vectors, part, room).amax(-1) for part in parts]).amax(0)
        logits = (self._logits(vectors, part, room).sub_(top[:, None]) for part in parts)
        return torch.stack([each.exp_().sum(-1) for each in logits]).sum(0).log() + top

    def _logits(self, vectors: torch.Tensor, tokens: slice, room: torch.Tensor) -> torch.Tensor:
        """Logits [n, tokens], written into `room`."""
        head = self.head[tokens]
        logits = room[: len(vectors) * len(head)].view(len(vectors), len(head))
        torch.mm(vectors, head.T, out=logits)
        if self.head_bias is not None:
            logits += self.head_bias[tokens]
        if self.softcap is not None:
            logits.div_(self.softcap).tanh_().mul_(self.softcap)
        return logits


def norm_scale(norm: Any, state: torch.Tensor) -> torch.Tensor:
    """The factor by which a norm multiplies `state` [width] before its gain: 1 / RMS or 1 / standard deviation."""
    state = working(state)
    if isinstance(norm, torch.nn.LayerNorm):
        return torch.rsqrt(state.var(-1, unbiased=False) + norm.eps)
    epsilon = norm.variance_epsilon if hasattr(norm, "variance_epsilon") else norm.eps
    return torch.rsqrt(state.square().mean(-1) + epsilon)


def working(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor, detached, in float32 or, if it is in float64, unchanged."""
    return tensor.detach() if tensor.dtype == torch.float64 else tensor.detach().float()


def _released_scale(final: torch.Tensor) -> torch.Tensor:
    return torch.rsqrt(working(final).std(-1))
