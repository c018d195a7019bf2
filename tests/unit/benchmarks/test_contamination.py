"""Detection of equal items, against a slow search for every sequence of words."""

import random

from semalign.benchmarks.base import Example
from semalign.benchmarks.contamination import Compared, TestSet, keep_clean, ngrams, plain, words


def compared(text: str) -> Compared:
    return Compared((plain(text),), text)


def test_case_punctuation_and_spaces_do_not_count() -> None:
    test = TestSet([compared("What is it,\nthen?")])
    assert test.holds(compared("what  is it - then")) == "same text"
    assert test.holds(compared("What is it now?")) is None
    assert plain("++") == "++"  # a text without words is compared as it is


def test_shared_words_in_a_row_are_found_as_a_slow_search_finds_them() -> None:
    draw = random.Random(0)
    texts = [" ".join(draw.choice("abc") for _ in range(12)) for _ in range(40)]
    test = TestSet(map(compared, texts[:5]), width=6, common=99)
    for text in texts[5:]:
        slow = any(
            words(text)[i : i + 6] == words(other)[j : j + 6]
            for other in texts[:5]
            for i in range(7)
            for j in range(7)
        )
        assert (test.holds(compared(text)) is not None) == slow


def test_words_of_a_template_do_not_count_but_those_between_do() -> None:
    header = "which of these two scenarios is it"
    test = TestSet((compared(f"{header} item {i} alone here today") for i in range(9)), width=4, common=3)
    assert test.holds(compared(f"{header} thing no one asked")) is None
    assert test.holds(compared(f"{header} the item 3 alone here today")) == "shared n-gram"


def test_repeats_are_kept_once_and_the_dropped_are_named() -> None:
    items = [Example(str(i), text, " x") for i, text in enumerate(["one", "ONE!", "two", "three"])]
    seen = {"three"}
    pairs = ((item, compared(item.prompt)) for item in items)
    kept, dropped = keep_clean(pairs, TestSet([compared("two")]), seen)
    assert [item.id for item in kept] == ["0"]
    assert dropped == {"same text": ["2"], "shared n-gram": [], "repeated": ["1", "3"]}
    assert seen == {"one", "three"}


def test_a_short_text_has_no_ngram() -> None:
    assert list(ngrams(["a", "b"], 3)) == []
    assert list(ngrams(["a", "b", "c", "d"], 3)) == ["a b c", "b c d"]
