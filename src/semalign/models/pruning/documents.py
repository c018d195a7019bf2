"""Documents for calibration and healing: reading files, encoding documents, drawing batches."""

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from semalign.benchmarks.encoding import Encoded, encode_prompt
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_jsonl

POOL = 256  # documents that are sorted by length together


def read_documents(path: Path | str) -> list[str]:
    """Read the documents of a file.

    A .txt file is one document, a .jsonl file has one per line (`text`, or `prompt` + `answer`). Raises UserError if
    the file is missing, of another kind, or has a line without a text.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file, expected documents as .txt or .jsonl")
    if path.suffix == ".txt":
        documents = [path.read_text(encoding="utf-8")]
    elif path.suffix == ".jsonl":
        documents = [_text(row, f"{path}: row {at}") for at, row in enumerate(_rows(path), 1)]
    else:
        raise UserError(f"{path}: found {path.suffix or 'no suffix'}, expected documents as .txt or .jsonl")
    if not any(document.strip() for document in documents):
        raise UserError(f"{path}: found no document, expected at least one")
    return documents


def encode_documents(documents: Sequence[str], tokenizer: Any, positions: int) -> list[Encoded]:
    """Tokens of every document (bos if the tokenizer adds one, text, eos), cut into pieces of `positions`.

    Every token of a piece except the first is predicted. A last piece of one token is left out.
    """
    end = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    whole = (encode_prompt(document, tokenizer) + end for document in documents)
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


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        return read_jsonl(path)
    except ValueError as error:
        raise UserError(f"{path}: not JSON lines ({error})") from None


def _text(row: Any, where: str) -> str:
    keys = ("text",) if isinstance(row, dict) and "text" in row else ("prompt", "answer")
    if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in keys):
        raise UserError(f"{where}: expected an object with `text`, or with `prompt` and `answer`, as strings")
    return "".join(row[key] for key in keys)
