"""The embedded benchmarks: their items, and that splits share none."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from semalign.benchmarks.base import Example, read_split, write_split
from semalign.benchmarks.embedded import draw_splits
from semalign.benchmarks.overlap import by_text, check_splits, find_overlap, normalise
from semalign.benchmarks.registry import BENCHMARKS, build_benchmark
from semalign.config.base import SPLITS, Split
from semalign.config.tiny import TinyBenchmark
from semalign.runtime.errors import UserError

Splits = dict[Split, list[Example]]


@pytest.fixture(scope="module")
def benchmarks() -> dict[str, Splits]:
    return {kind: build_benchmark(kind, TinyBenchmark()) for kind in BENCHMARKS}


@pytest.mark.parametrize("kind", list(BENCHMARKS))
def test_sizes_ids_and_disjoint_prompts(benchmarks: dict[str, Splits], kind: str) -> None:
    splits = benchmarks[kind]
    assert {split: len(items) for split, items in splits.items()} == {
        "train": 200, "extract": 16, "align": 80, "validation": 100, "test": 150
    }  # fmt: skip
    items = [item for split in SPLITS for item in splits[split]]
    assert len({item.id for item in items}) == len(items)
    assert len({" ".join(item.prompt.lower().split()) for item in items}) == len(items)
    assert splits["test"][3].id == f"{kind}-test-0003"
    for item in items:
        assert item.answer[0] in " \n"
        assert not item.prompt[-1].isspace()


@pytest.mark.parametrize("kind", list(BENCHMARKS))
def test_same_seed_same_items_other_seed_others(benchmarks: dict[str, Splits], kind: str) -> None:
    assert build_benchmark(kind, TinyBenchmark()) == benchmarks[kind]
    assert build_benchmark(kind, TinyBenchmark(seed=1))["test"] != benchmarks[kind]["test"]
    # Larger splits only append items, so a study with fewer items uses a part of the same test.
    assert build_benchmark(kind, TinyBenchmark(train=20, test=50))["train"] == benchmarks[kind]["train"][:20]


def test_items_survive_their_file(benchmarks: dict[str, Splits], tmp_path: Path) -> None:
    for kind, splits in benchmarks.items():
        write_split(tmp_path / kind, "test", splits["test"])
        assert read_split(tmp_path / kind, "test") == splits["test"]


def test_facts_have_one_true_option(benchmarks: dict[str, Splits]) -> None:
    from semalign.benchmarks.tiny.facts import world

    true = {(fact.attribute, fact.word): fact.value for fact in world()}
    for items in benchmarks["facts"].values():
        for item in items:
            assert item.choices is not None and item.gold is not None
            assert len(set(item.choices)) == 4
            assert item.choices[item.gold] == item.answer
            attribute, word = item.prompt.split("the ")[1].split("?")[0].split(" of ")
            assert item.answer == f" {true[attribute, word]}"


def test_no_fact_of_validation_or_test_is_asked_for_in_training(benchmarks: dict[str, Splits]) -> None:
    def asked(*splits: Split) -> set[str]:
        return {item.prompt.split(" Options")[0] for split in splits for item in benchmarks["facts"][split]}

    assert not asked("train", "extract", "align") & asked("validation", "test")


def test_arithmetic_solutions_are_right(benchmarks: dict[str, Splits]) -> None:
    for items in benchmarks["arithmetic"].values():
        for item in items:
            equations, result = item.answer.split(" #### ")
            value = None
            for equation in equations.split(","):
                left, right = equation.split("=")
                assert value is None or left.split()[0] == str(value)
                value = eval(left)
                assert value == int(right)
            assert item.target == result == str(value)
            told = {number for number in item.prompt.split() if number.isdigit()}
            assert told <= set(equations.split())


@pytest.mark.parametrize("kind", ["completion", "synthesis"])
def test_references_pass_their_tests_and_a_wrong_body_fails(benchmarks: dict[str, Splits], kind: str) -> None:
    def passes(item: Example, answer: str) -> bool:
        space: dict[str, Callable] = {}
        try:
            exec("\n".join([item.prefix + answer, *(item.tests or [])]), space)
        except AssertionError:
            return False
        return item.entry_point in space

    for items in benchmarks[kind].values():
        for item in items:
            assert item.tests is not None and len(item.tests) == 5
            assert passes(item, item.answer)
            assert not passes(item, item.answer.partition("return")[0] + "return None")
            assert item.prefix in ("", item.prompt)


def test_tests_tell_programs_apart(benchmarks: dict[str, Splits]) -> None:
    items = benchmarks["synthesis"]["test"]
    mistaken = 0
    for item, other in pairwise(items):
        space: dict[str, Callable] = {}
        exec(other.answer, space)
        space[str(item.entry_point)] = space[str(other.entry_point)]
        try:
            exec("\n".join(item.tests or []), space)
            mistaken += item.answer.partition("(")[2] != other.answer.partition("(")[2]
        except (AssertionError, TypeError, AttributeError):
            pass
    assert mistaken <= 2


def test_an_unknown_benchmark_and_an_impossible_size_are_refused() -> None:
    with pytest.raises(
        UserError, match="benchmark: found 'mmlu', expected one of arithmetic, completion, facts"
    ):
        build_benchmark("mmlu", TinyBenchmark())
    few = Example("", "prompt", " answer")
    with pytest.raises(UserError, match="benchmark b: train: found only 7 different examples, expected 200"):
        draw_splits("b", TinyBenchmark(), lambda draw, kept: replace(few, prompt=f"p {draw.randrange(7)}"))
    with pytest.raises(UserError, match="benchmark facts: split align is empty"):
        build_benchmark("facts", TinyBenchmark().model_copy(update={"align": 0}))


def test_overlap_is_found_whatever_case_and_spaces() -> None:
    assert normalise(" Write  a\nFunction ") == "write a function"
    first, second = [Example("a", "What  is\nit?", " x")], [Example("b", "what is it?", " y")]
    assert find_overlap(first, second) == [("a", "b")]
    assert find_overlap(first, second, by_text) == []


@pytest.mark.parametrize("answer", [" x", " other"])
def test_shared_items_are_refused(answer: str) -> None:
    splits: Splits = {split: [Example(split, f"prompt {split}", " x")] for split in SPLITS}
    check_splits("b", splits)
    splits["test"] = [replace(splits["train"][0], id="t", answer=answer)]
    with pytest.raises(
        UserError, match=r"benchmark b: train and test share 1 items by .*\(first train and t\)"
    ):
        check_splits("b", splits)


def test_registry_imports_nothing_heavy() -> None:
    code = "import sys, semalign.benchmarks.registry, semalign.config.tiny; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
