"""Documents for calibration and healing: encoding documents, drawing batches."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import numpy as np

from semalign.benchmarks.encoding import Encoded, encode_prompt, without_eos
from semalign.runtime.errors import UserError

POOL = 256  # documents that are sorted by length together


def encode_documents(documents: Sequence[str], tokenizer: Any, positions: int) -> list[Encoded]:
    """Tokens of every document (bos if the tokenizer adds one, text, eos), cut into pieces of `positions`.

    There is one bos and one eos even if a document begins or ends with their text.
    Every token of a piece except the first is predicted. A last piece of one token is left out.
    """
    end = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    whole = (encode_prompt(without_eos(document, tokenizer), tokenizer) + end for document in documents)
    pieces = (ids[start : start + positions] for ids in whole for start in range(0, len(ids), positions))
    return [Encoded(piece, 1) for piece in pieces if len(piece) > 1]


def in_turn(sources: Sequence[Sequence[str]], seed: int) -> list[str]:
    """Shuffle each source, then take the first document of each, the second of each, and so on.

    Any beginning of the list is balanced until the shortest source is used up, however much longer the others are.
    """
    orders = [np.random.default_rng([seed, at]).permutation(len(source)) for at, source in enumerate(sources)]
    shuffled = [[source[at] for at in order] for source, order in zip(sources, orders, strict=True)]
    return [document for turn in zip_longest(*shuffled) for document in turn if document is not None]


def draw_batches(lengths: Sequence[int], tokens: int, batch_tokens: int, seed: int) -> list[list[int]]:
    """Batches of document indices with at least `tokens` tokens in total.

    Documents are taken in order, and from the start again if all of them hold fewer tokens. A batch has at most
    `batch_tokens` tokens, padding included, or is a single document; documents of similar length share a batch.
    The batches are in random order. Raises UserError if there is no document.
    """
    if not lengths:
        raise UserError("pruning: found no document of two tokens or more, expected some in `text`")
    indices: list[int] = []
    held = 0
    while held < tokens:
        index = len(indices) % len(lengths)
        indices.append(index)
        held += lengths[index]
    pools = (
        sorted(indices[at : at + POOL], key=lengths.__getitem__, reverse=True)
        for at in range(0, len(indices), POOL)
    )
    batches = [batch for pool in pools for batch in _pack(pool, lengths, batch_tokens)]
    return [batches[at] for at in np.random.default_rng(seed).permutation(len(batches)).tolist()]


def _pack(pool: Sequence[int], lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Pack documents, given longest first, into batches whose padded size is at most `batch_tokens`."""
    batches: list[list[int]] = []
    for index in pool:
        if batches and lengths[batches[-1][0]] * (len(batches[-1]) + 1) <= batch_tokens:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches
