"""What our lm-eval task files call: reading a split, and one scoring function a kind of answer.

A scoring function gets an item (the keys of `Example`) and the model's responses to its requests, and
returns the metric's value for this item.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from semalign.files import read_jsonl

NUMBER = re.compile(r"(?<!\d)-?\d+(?:,\d{3})*(?:\.\d+)?")


def read_items(path: str, **_metadata: Any) -> dict[str, Any]:
    """The split file as a data set held in memory: no cache on disk, no network."""
    from datasets import Dataset

    return {"items": Dataset.from_list(read_jsonl(path))}


def likeliest(results: Sequence[tuple[float, bool]]) -> int:
    """Index of the continuation with the largest log-likelihood; the first of equals."""
    values = [log_likelihood for log_likelihood, _greedy in results]
    return values.index(max(values))


def likeliest_choice(item: dict[str, Any], results: Sequence[tuple[float, bool]]) -> dict[str, float]:
    """Whether the likeliest choice is the right one (unnormalised log-likelihoods, as MMLU's `acc`)."""
    return {"accuracy": float(likeliest(results) == item["gold"])}


def last_number(text: str) -> Decimal | None:
    """The last number in a text, or None where there is none; GSM8K's flexible extraction."""
    numbers = NUMBER.findall(text)
    return Decimal(numbers[-1].replace(",", "")) if numbers else None


def same_number(item: dict[str, Any], results: Sequence[str]) -> dict[str, float]:
    """Whether the last number of the generated text equals the reference's."""
    found = last_number(results[0])
    return {"exact_match": float(found is not None and found == last_number(item["target"]))}


def generated_code(_item: dict[str, Any], _results: Sequence[str]) -> dict[str, float]:
    """Nothing: the verdict is made later, by the sandbox, for all items at once."""
    return {}
