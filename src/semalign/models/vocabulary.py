"""The tokens that a teacher and a student share: those with the same string, whatever their ids."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semalign.runtime.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

MINIMUM_SHARE = 0.5  # of the student's tokens


def shared_tokens(
    teacher: PreTrainedTokenizerBase, student: PreTrainedTokenizerBase, rows: tuple[int, int] | None = None
) -> tuple[Tensor, Tensor]:
    """Ids of the shared tokens in the teacher's and in the student's vocabulary, [tokens] each.

    Sorted by student id. `rows` are the numbers of rows of the two heads; tokens without a row are left out.
    """
    import torch

    pairs = match_tokens(teacher.get_vocab(), student.get_vocab())
    if rows is not None:
        pairs = [pair for pair in pairs if pair[0] < rows[0] and pair[1] < rows[1]]
    ids = torch.tensor(pairs, dtype=torch.long).reshape(-1, 2)
    return ids[:, 0].contiguous(), ids[:, 1].contiguous()


def common_tokens(
    teacher: Path, student: Path, minimum_share: float = MINIMUM_SHARE
) -> tuple[Tensor, Tensor]:
    """`shared_tokens` of the models in two folders, without tokens that have no row in a head.

    Raises UserError if they share less than `minimum_share` of the student's tokens.
    """
    from semalign.models.loading import load_tokenizer, read_shape

    tokenizers = load_tokenizer(teacher), load_tokenizer(student)
    rows = read_shape(teacher).vocabulary, read_shape(student).vocabulary
    return enough_shared(f"{teacher.name} -> {student.name}", *tokenizers, rows, minimum_share)


def enough_shared(
    pair: str,
    teacher: PreTrainedTokenizerBase,
    student: PreTrainedTokenizerBase,
    rows: tuple[int, int],
    minimum_share: float = MINIMUM_SHARE,
) -> tuple[Tensor, Tensor]:
    """`shared_tokens` of two tokenizers whose heads have so many `rows`; `pair` names the models in messages.

    Raises UserError like `check_overlap`.
    """
    check_overlap(pair, teacher.get_vocab(), student.get_vocab(), minimum_share)
    return shared_tokens(teacher, student, rows)


def match_tokens(teacher: Mapping[str, int], student: Mapping[str, int]) -> list[tuple[int, int]]:
    """Pairs (teacher id, student id) of the tokens in both vocabularies, sorted by student id."""
    pairs = ((teacher[token], number) for token, number in student.items() if token in teacher)
    return sorted(pairs, key=lambda pair: (pair[1], pair[0]))


def read_vocabulary(folder: Path | str) -> dict[str, int]:
    """Token string -> id, from `tokenizer.json` alone, without importing a library.

    Raises UserError if the file is missing or holds no vocabulary.
    """
    path = Path(folder) / "tokenizer.json"
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected the tokenizer.json of a fast tokenizer")
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    stored = content.get("model", {}).get("vocab")
    if not stored:
        raise UserError(f"{path}: found no model.vocab, expected a tokenizer's vocabulary")
    # A unigram model lists [piece, score] in the order of the ids.
    pieces = stored if isinstance(stored, dict) else {entry[0]: i for i, entry in enumerate(stored)}
    return {**pieces, **{token["content"]: token["id"] for token in content.get("added_tokens", [])}}


def count_shared(teacher: Path, student: Path) -> tuple[int, int]:
    """(shared tokens that both heads have a row for, rows of the student's head), from the models' files.

    Tokens are the same if their strings are. Rows without a token (padding) and tokens without a row do not count as
    shared.
    """
    from semalign.runtime.files import read_json

    rows = [int(read_json(folder / "config.json")["vocab_size"]) for folder in (teacher, student)]
    pairs = match_tokens(read_vocabulary(teacher), read_vocabulary(student))
    return sum(own < rows[0] and other < rows[1] for own, other in pairs), rows[1]


def overlap(teacher: Mapping[str, int], student: Mapping[str, int]) -> float:
    """Share of the student's tokens that the teacher also has, 0 to 1."""
    return len(match_tokens(teacher, student)) / max(len(student), 1)


def check_overlap(
    pair: str,
    teacher: Mapping[str, int],
    student: Mapping[str, int],
    minimum_share: float = MINIMUM_SHARE,
) -> float:
    """Return the overlap of two vocabularies (from `read_vocabulary` or a tokenizer's `get_vocab()`).

    Raises UserError if it is below `minimum_share`.
    """
    share = overlap(teacher, student)
    if share < minimum_share:
        raise UserError(
            f"pair {pair}: the teacher's vocabulary ({len(teacher)} tokens) has {share:.1%} of the student's "
            f"({len(student)}), expected at least {minimum_share:.1%}: alignment needs shared tokens"
        )
    return share
