"""Shared tokens by string, from tokenizers and from tokenizer.json alone."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from semalign.models.vocabulary import check_overlap, match_tokens, read_vocabulary, shared_tokens
from semalign.runtime.errors import UserError


class Words:
    """A tokenizer that only knows its vocabulary."""

    def __init__(self, vocabulary: dict[str, int]) -> None:
        self.vocabulary = vocabulary

    def get_vocab(self) -> dict[str, int]:
        return self.vocabulary


def make(words: dict[str, int]) -> Any:
    return Words(words)


TEACHER = {"<s>": 0, "b": 1, "a": 2, "[PAD]": 4, "c": 3}
STUDENT = {"c": 2, "a": 0, "d": 3, "b": 1}


def test_same_strings_sorted_by_student_id() -> None:
    ids_t, ids_s = shared_tokens(make(TEACHER), make(STUDENT))
    assert ids_t.tolist() == [2, 1, 3] and ids_s.tolist() == [0, 1, 2]
    assert ids_t.dtype == ids_s.dtype == torch.long


def test_order_does_not_depend_on_the_dictionary() -> None:
    turned = dict(reversed(STUDENT.items()))
    assert match_tokens(TEACHER, STUDENT) == match_tokens(TEACHER, turned)


def test_tokens_without_a_row_in_the_head_are_left_out() -> None:
    ids_t, ids_s = shared_tokens(make(TEACHER), make(STUDENT), rows=(3, 4))
    assert ids_t.tolist() == [2, 1] and ids_s.tolist() == [0, 1]


def test_nothing_shared_gives_empty_ids() -> None:
    ids_t, ids_s = shared_tokens(make({"x": 0}), make({"y": 0}))
    assert ids_t.shape == ids_s.shape == (0,)


def test_overlap_counts_the_student_and_refuses_in_one_line() -> None:
    assert check_overlap("a~b", TEACHER, STUDENT, 0.75) == 0.75
    with pytest.raises(UserError) as caught:
        check_overlap("big~small", TEACHER, STUDENT, 0.8)
    message = str(caught.value)
    assert "big~small" in message and "75.0%" in message and "80.0%" in message and "\n" not in message


def test_tokenizer_file_alone_says_what_the_tokenizer_says(pico_pair: tuple[Path, Path]) -> None:
    from semalign.models.loading import load_tokenizer

    folder = pico_pair[0]
    assert read_vocabulary(folder) == load_tokenizer(folder).get_vocab()


def test_added_tokens_and_unigram_lists_are_read(tmp_path: Path) -> None:
    content = {
        "model": {"vocab": [["<unk>", 0.0], ["a", -1.5]]},
        "added_tokens": [{"id": 2, "content": "[P]"}],
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    assert read_vocabulary(tmp_path) == {"<unk>": 0, "a": 1, "[P]": 2}


def test_missing_tokenizer_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"tokenizer\.json: no such file"):
        read_vocabulary(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match=r"no model\.vocab"):
        read_vocabulary(tmp_path)


def test_reading_a_vocabulary_imports_nothing_heavy(pico_pair: tuple[Path, Path]) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from semalign.models.vocabulary import read_vocabulary as r; r(sys.argv[1]);"
        "print({'torch', 'transformers', 'tokenizers'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(pico_pair[0])], capture_output=True, text=True)
    assert (ended.stdout, ended.stderr) == ("set()\n", "")
