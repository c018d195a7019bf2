"""The scorer of a user's own text tasks: forms of numbers and letters, and answers that are all wrong."""

import logging

import pytest

from semalign.evaluation.functions import same_lines_or_number
from semalign.evaluation.items import ItemRecord
from semalign.evaluation.own_decoding import usable_stops
from semalign.evaluation.readiness.reach import _hint
from semalign.evaluation.stage import _warn_if_none_is_right


def score(target: str | None, text: str, answer: str = "") -> float:
    return same_lines_or_number({"target": target, "answer": answer}, [text])["exact_match"]


@pytest.mark.parametrize(
    ("target", "text", "right"),
    [
        ("16.", "8 + 8 = 16", 1),
        ("$16", "it costs $16.00", 1),
        ("16%", "16 %", 1),
        ("0.5", ".5", 1),
        ("5", ".5", 0),
        ("5", "−5", 0),
        ("caf\u00e9", "cafe\u0301 noir", 0),
        ("caf\u00e9", "cafe\u0301\nx", 1),
        ("16 km", "16", 0),
        ("", "anything", 0),
    ],
)
def test_forms_of_a_target(target: str, text: str, right: int) -> None:
    assert score(target, text) == right


def test_nothing_to_begin_with_is_never_right() -> None:
    assert score(None, "anything", answer=" ") == 0


def test_a_closing_fence_stays_a_stop() -> None:
    stops = ["```", "\nprint"]
    assert usable_stops(stops, ["def f():\n    return 1\n```\n"]) == stops
    assert usable_stops(stops, ['def f():\n    """```\n    f()\n    ```"""\n']) == ["\nprint"]


@pytest.mark.parametrize(
    ("response", "expected", "hint"),
    [
        ("Hill", "hill", "only in case"),
        ("a b", "a\u00a0b", "white space, or in characters that look alike"),
        ("18 - 7 = 11", "11 books", "not only a number is compared as text"),
        ("hill", "lake", ""),
    ],
)
def test_what_two_texts_differ_in(response: str, expected: str, hint: str) -> None:
    found = _hint(ItemRecord("a", 0, response, expected))
    assert hint in found and bool(found) == bool(hint)


@pytest.mark.parametrize(("scores", "said"), [((0.0, 0.0), True), ((0.0, 1.0), False), ((None, None), False)])
def test_answers_that_are_all_wrong_are_shown(
    scores: tuple[float | None, ...], said: bool, caplog: pytest.LogCaptureFixture
) -> None:
    records = [ItemRecord(str(at), one, "", " hill", prompt="Answer:\t") for at, one in enumerate(scores)]
    with caplog.at_level(logging.WARNING, "semalign"):
        _warn_if_none_is_right("mine", records)
    assert (
        "none of 2 answers is right; after 'Answer:\\t' the model wrote '', expected ' hill'" in caplog.text
    ) == said
