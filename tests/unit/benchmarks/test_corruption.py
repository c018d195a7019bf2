"""Wrong answers for a share of a train split: how many, which, and that each is another one."""

from collections import Counter
from dataclasses import replace

import pytest

from semalign.benchmarks.arithmetic import build as arithmetic
from semalign.benchmarks.base import Example
from semalign.benchmarks.corruption import corrupt
from semalign.benchmarks.facts import build as facts
from semalign.benchmarks.overlap import normalise
from semalign.config.benchmarks import Corrupted
from semalign.config.tiny import TinyBenchmark
from semalign.runtime.errors import UserError

SIZES = TinyBenchmark(train=61, extract=1, align=1, validation=1, test=1)
SUMS = arithmetic(SIZES)["train"]
QUESTIONS = facts(SIZES)["train"]


def corrupted(items: list[Example], share: float, seed: int = 0, part: str = "sums") -> list[Example]:
    return corrupt("wrong", Corrupted(of="sums", corrupted=share, seed=seed), part, items)


def changed(items: list[Example], made: list[Example]) -> set[str]:
    return {old.id for old, new in zip(items, made, strict=True) if old.answer != new.answer}


@pytest.mark.parametrize("items", [SUMS, QUESTIONS], ids=["exchanged", "choices"])
@pytest.mark.parametrize(("share", "count"), [(0.1, 6), (0.3, 18), (0.5, 30), (1.0, 61)])
def test_exactly_the_share_has_another_answer(items: list[Example], share: float, count: int) -> None:
    made = corrupted(items, share)
    assert len(changed(items, made)) == count
    # all that scoring reads is that of the true item
    assert [replace(new, answer=old.answer) for old, new in zip(items, made, strict=True)] == items


def test_exchanged_answers_differ_in_their_target_and_remain_the_same_as_a_whole() -> None:
    made = corrupted(SUMS, 0.5)
    target_of = {item.answer: item.target for item in SUMS}
    wrong = changed(SUMS, made)
    assert all(target_of[new.answer] != new.target for new in made if new.id in wrong)
    assert Counter(item.answer for item in made) == Counter(item.answer for item in SUMS)


def test_a_choice_question_gets_one_of_its_own_wrong_choices() -> None:
    made = corrupted(QUESTIONS, 1.0)
    assert all(item.answer in item.choices for item in made)  # type: ignore[operator]
    places = Counter(item.choices.index(item.answer) for item in made)  # type: ignore[union-attr]
    assert len(places) == 4  # drawn, and not always the same one


@pytest.mark.parametrize("items", [SUMS, QUESTIONS], ids=["exchanged", "choices"])
def test_the_draw_depends_on_the_seed_alone_and_grows_with_the_share(items: list[Example]) -> None:
    assert corrupted(items, 0.3) == corrupted(items, 0.3)
    assert changed(items, corrupted(items, 0.3)) != changed(items, corrupted(items, 0.3, seed=1))
    assert changed(items, corrupted(items, 0.3, part="other")) != changed(items, corrupted(items, 0.3))
    assert changed(items, corrupted(items, 0.1)) < changed(items, corrupted(items, 0.5))


@pytest.mark.parametrize("common", [1, 2, 5])
def test_no_answer_is_exchanged_for_the_same_one(common: int) -> None:
    """Up to half of the answers may be equal, in any way of writing."""
    answers = [" yes", " YES "] * 3
    items = [Example(f"e{n}", f"p{n}", answers[n] if n < common else f" no{n}") for n in range(10)]
    for seed in range(20):
        made = corrupted(items, 1.0, seed)
        assert all(
            normalise(old.answer) != normalise(new.answer) for old, new in zip(items, made, strict=True)
        )


def test_the_white_space_before_an_answer_is_its_own() -> None:
    items = [Example("a", "p:", " one"), Example("b", "p\n", "two"), Example("c", "def f():", "\n    three")]
    starts = [item.answer[: len(item.answer) - len(item.answer.lstrip())] for item in corrupted(items, 1.0)]
    assert starts == [" ", "", "\n    "]


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (0.01, r"benchmarks\.wrong\.corrupted: found 0\.01 of the 10 examples of sums, which is none"),
        (0.1, r"of the 10 examples of sums, which is 1, 1 of them with the answer 'yes'"),
        (1.0, r"which is 10, 10 of them with the answer 'yes'; expected at most half"),
    ],
)
def test_what_can_not_be_exchanged_is_one_line(share: float, told: str) -> None:
    items = [Example(f"e{n}", f"p{n}", " yes") for n in range(10)]
    with pytest.raises(UserError, match=told):
        corrupted(items, share)
