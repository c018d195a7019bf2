"""Comparison of a teacher's and a student's cuts of the same answers."""

from pathlib import Path
from typing import Any

import pytest
from cutting_tokenizers import write_merging, write_spaced
from fabricated_models import rename_tokens, write_tokenizer

from semalign.benchmarks.base import Example
from semalign.benchmarks.fitting import Reader
from semalign.evaluation.readiness.cuts import Comparer, Cuts, encode_all
from semalign.models.loading import load_tokenizer

FRONT = [("1", "2"), ("12", "3")]  # 123 is one token
FIRST = [("1", "2")]  # 12|3
LAST = [("2", "3")]  # 1|23
EURO = [("â", "Ĥ")]  # the first two of the euro sign's three bytes
EURO_END = [("Ĥ", "¬")]


def compare(teacher: Path, student: Path, prompt: str, answer: str) -> Cuts:
    readers = {
        role: Reader(role, load_tokenizer(folder), 256)
        for role, folder in (("teacher", teacher), ("student", student))
    }
    examples = [Example("other", "Q", " ok"), Example("one", prompt, answer)]
    encoded = encode_all(examples, readers)
    return Comparer(*readers.values()).compare("train", examples, *encoded.values())


@pytest.mark.parametrize(
    ("own", "other", "answer", "shown"),
    [
        (FIRST, LAST, " 123", ("' |12|3'", "' |1|23'")),
        (FRONT, LAST, "123", ("'123'", "'1|23'")),
        ([], FIRST, "7 and 12", ("'7| |a|n|d| |1|2'", "'7| |a|n|d| |12'")),
        (EURO, EURO_END, "€", ("'âĤ|¬'", "'â|Ĥ¬'")),
    ],
)
def test_another_cut_of_an_answer_is_found_and_shown(
    tmp_path: Path, own: Any, other: Any, answer: str, shown: tuple[str, str]
) -> None:
    folders = write_merging(tmp_path / "a", own), write_merging(tmp_path / "b", other)
    cuts = compare(*folders, "Q", answer)
    assert [(each.example, each.teacher, each.student) for each in cuts.answers] == [("one", *shown)]
    assert cuts.answers[0].split == "train" and cuts.prompts == 0


@pytest.mark.parametrize("options", [{"turned": True}, {"begins": True}, {"turned": True, "begins": True}])
@pytest.mark.parametrize("answer", [" 123", "€ 12", "a"])
def test_other_ids_and_a_bos_on_one_side_are_the_same_cut(
    tmp_path: Path, options: dict[str, bool], answer: str
) -> None:
    folders = write_merging(tmp_path / "a", FIRST), write_merging(tmp_path / "b", FIRST, **options)
    assert compare(*folders, "Q 12", answer) == Cuts([], 0)


def test_only_a_prompt_that_is_cut_differently_is_counted(tmp_path: Path) -> None:
    folders = write_merging(tmp_path / "a", FIRST), write_merging(tmp_path / "b", LAST)
    assert compare(*folders, "is 123 even?", " no") == Cuts([], 1)


def test_renamed_tokens_are_the_same_cut_where_the_text_shows_it(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_tokenizer(tmp_path / name)
    rename_tokens(tmp_path / "b")
    assert compare(tmp_path / "a", tmp_path / "b", "Q 12", " plain text") == Cuts([], 0)


@pytest.mark.parametrize(("answer", "alike"), [(" a b", True), (" to ab", True), (" 12", False)])
def test_a_space_has_other_names_in_other_families(tmp_path: Path, answer: str, alike: bool) -> None:
    """`Ġto` and `▁to` are the same token; ` 12` is one token of the second only."""
    own = write_merging(tmp_path / "a", [("Ġ", letter) for letter in "abt"] + [("Ġt", "o")])
    cuts = compare(own, write_spaced(tmp_path / "b"), "Q", answer)
    assert (not cuts.answers) == alike
