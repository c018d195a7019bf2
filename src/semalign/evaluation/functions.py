"""Functions that the lm-eval task files call: one to read a split, and one scoring function per kind of answer.

A scoring function gets an item (the keys of `Example`) and the model's responses to its requests, and
returns the metric's value for this item.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from semalign.benchmarks.base import SHOTS
from semalign.benchmarks.numbers import is_number, last_number
from semalign.benchmarks.overlap import composed
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_jsonl

FINAL_NUMBER = re.compile(r"[-+]?\d*\.\d+|\d+")


def read_items(path: str, **_metadata: Any) -> dict[str, Any]:
    """The split file as an in-memory data set: no cache on disk, no network."""
    from datasets import Dataset

    return {"items": Dataset.from_list(read_jsonl(path))}


def read_items_and_shots(path: str, **_metadata: Any) -> dict[str, Any]:
    """The split file, and the shots in the same folder.

    Raises UserError if there are no shots.
    """
    from datasets import Dataset

    shots = Path(path).with_name(f"{SHOTS}.jsonl")
    if not shots.is_file():
        raise UserError(f"{shots}: no such file, expected the shots of a few-shot protocol")
    return {**read_items(path), "shots": Dataset.from_list(read_jsonl(shots))}


def likeliest(results: Sequence[tuple[float, bool]]) -> int:
    """Index of the continuation with the largest log-likelihood; the first one if several are equal."""
    values = [log_likelihood for log_likelihood, _greedy in results]
    return values.index(max(values))


def likeliest_choice(item: dict[str, Any], results: Sequence[tuple[float, bool]]) -> dict[str, float]:
    """Whether the likeliest choice is the right one (unnormalised log-likelihoods, as in MMLU's `acc`)."""
    return {"accuracy": float(likeliest(results) == item["gold"])}


def same_number(item: dict[str, Any], results: Sequence[str]) -> dict[str, float]:
    """Whether the last number of the generated text equals the last number of the reference."""
    number = last_number(results[0])
    return {"exact_match": float(number is not None and number == last_number(item["target"]))}


def final_number(text: str) -> str | None:
    """The last number after thousands commas are removed: digits, or a decimal with its sign.

    This is the paper's extraction for GSM8K (from open-instruct). It ignores the sign of a whole number.
    """
    numbers = FINAL_NUMBER.findall(re.sub(r"(?<=\d),(?=\d)", "", text))
    return numbers[-1] if numbers else None


def same_final_number(item: dict[str, Any], results: Sequence[str]) -> dict[str, float]:
    """Whether the final number of the generated text is the same string as the reference's."""
    number = final_number(results[0])
    return {"exact_match": float(number is not None and number == final_number(item["target"]))}


def same_lines_or_number(item: dict[str, Any], results: Sequence[str]) -> dict[str, float]:
    """Whether the generated text begins with the lines of the target (of the answer if there is no target).

    Surrounding white space and the way of writing accents (Unicode's normal forms) do not count. If the target is a
    number, it must be the last number of the text instead. No text is right if there is nothing to begin with.
    """
    target = item["target"] or item["answer"]
    if item["target"] and is_number(item["target"]):
        return same_number(item, results)
    expected = composed(target).strip().splitlines()
    written = composed(results[0]).strip().splitlines()
    return {"exact_match": float(bool(expected) and written[: len(expected)] == expected)}


def generated_code(_item: dict[str, Any], _results: Sequence[str]) -> dict[str, float]:
    """Return no metric: the sandbox judges all items together later."""
    return {}
