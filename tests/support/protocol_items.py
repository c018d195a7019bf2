"""Fabricated items in the formats of the published benchmarks, few-shot examples, and models that answer them."""

from pathlib import Path
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from semalign.benchmarks.base import Example, write_split
from semalign.config.evaluation import EvaluationSettings
from semalign.evaluation import harness
from semalign.evaluation.items import ItemRecord
from semalign.evaluation.sandbox.code import score_code

LETTERS = [" A", " B", " C", " D"]
SUBJECTS = ["abstract_algebra", "us_foreign_policy"]
REAL = ("mmlu", "gsm8k", "humaneval", "mbpp")
PROTOCOLS = ("paper", "lm-eval")


def choice(i: int) -> Example:
    question, options = f" Which comes {i}th?", [f"{letter}{i}" for letter in "wxyz"]
    listed = "\n".join(f"{letter}. {option}" for letter, option in zip("ABCD", options, strict=True))
    return Example(
        f"mmlu-test-{i}",
        f"{question}\n{listed}\nAnswer:",
        LETTERS[i % 4],
        choices=LETTERS,
        gold=i % 4,
        fields={"subject": SUBJECTS[i % 2], "question": question, "options": options},
    )


def sum_(i: int, split: str = "test") -> Example:
    question, total = f"Ann has {i} and gets 1,000. How many?", 1000 + i
    fields = {"question": question, "solution": f"It is {i}+1000=<<{i}+1000={total}>>{total}.\n#### 1,00{i}"}
    prompt = f"Answer the following question.\n\nQuestion: {question}\nAnswer:"
    answer = f" It is {i}+1000={total}.\n\nSo the answer is {total}."
    return Example(f"gsm8k-{split}-{i}", prompt, answer, target=str(total), fields=fields)


def body(i: int) -> Example:
    prompt = f'def add(x):\n    """Add {i}.\n    >>> add(1)\n    {1 + i}\n    """\n'
    tests = [f"def check(candidate):\n    assert candidate(1) == {1 + i}\n\ncheck(add)"]
    fields = {"task_id": f"HumanEval/{i}"}
    answer = f"    return x + {i}\n"
    return Example(
        f"humaneval-{i}", prompt, answer, tests=tests, entry_point="add", prefix=prompt, fields=fields
    )


def whole(i: int) -> Example:
    text, tests = f"Write a function to add {i}.", [f"assert add({x}) == {x + i}" for x in range(3)]
    return Example(
        f"mbpp-{i}",
        f"{text}\n```python",
        f"\ndef add(x):\n  return x + {i}",
        tests=["import math", *tests],
        fields={
            "text": text,
            "task_id": i,
            "test_list": tests,
            "code": f"def add(x):\r\n  return x + {i} ",
        },
    )


ITEMS = {
    "mmlu": [choice(i) for i in range(6)],
    "gsm8k": [sum_(i) for i in range(4)],
    "humaneval": [body(i) for i in range(3)],
    "mbpp": [whole(i) for i in range(3)],
}
SHOTS = {"gsm8k": [sum_(i, "train") for i in range(9)], "mbpp": [whole(i) for i in (12, 13, 14, 15)]}


def write_real(root: Path) -> dict[str, Path]:
    """Write the items; return each benchmark's test file."""
    for name, examples in ITEMS.items():
        write_split(root / name, "test", examples)
        if name in SHOTS:
            write_split(root / name, "shots", SHOTS[name])  # type: ignore[arg-type]
    return {name: root / name / "test.jsonl" for name in ITEMS}


class Oracle(LM):
    """Answers with the protocol's references, or with empty strings, and records the requests."""

    def __init__(self, knows: bool = True) -> None:
        super().__init__()
        self.knows = knows
        self.asked: list[Instance] = []

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        self.asked += requests
        return [(float((r.args[1] == r.doc["answer"]) == self.knows), False) for r in requests]

    def generate_until(self, requests: list[Instance]) -> list[str]:
        self.asked += requests
        return [self.reference(r.doc, r.args[0]) if self.knows else "" for r in requests]

    @staticmethod
    def reference(doc: dict[str, Any], prompt: str) -> str:
        """The reference in the style of the few-shot examples: the source's solution if the prompt shows solutions."""
        shown = prompt.count("\n#### ")
        return f" {doc['fields']['solution']}" if shown else str(doc["answer"])

    def loglikelihood_rolling(self, requests: list[Instance]) -> list[float]:
        raise NotImplementedError


def settings(protocol: str = "paper", **options: Any) -> EvaluationSettings:
    return EvaluationSettings(**{"protocol": protocol, "sandbox": {"allow_weak_isolation": True}, **options})


def scored(
    lm: Any, benchmark: str, path: Path, chosen: EvaluationSettings, items: list[Example]
) -> list[ItemRecord]:
    """Item records with verdicts."""
    records = harness.run_task(lm, benchmark, path, chosen)
    return score_code(records, items, chosen)[0] if items[0].tests else records


class Says(Oracle):
    """Gives the same answer to every request."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def generate_until(self, requests: list[Any]) -> list[str]:
        return [self.text] * len(requests)
