"""Answers of rendered chat text are scored without the special tokens at their edges."""

from pathlib import Path
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from semalign.benchmarks.base import Example, write_split
from semalign.benchmarks.encoding import bare_answer, encode_answer
from semalign.config.evaluation import EvaluationSettings
from semalign.evaluation.harness import run_task
from semalign.models.tiny.tokenizer import build_tokenizer


class Perfect(LM):
    """A model that writes each reference as a real one would: without special tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.tokenizer = build_tokenizer()
        self.continuations: list[str] = []

    def generate_until(self, requests: list[Instance]) -> list[str]:
        ids = [encode_answer(request.doc["answer"], self.tokenizer) for request in requests]
        return [self.tokenizer.decode(each, skip_special_tokens=True) for each in ids]

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        self.continuations += [request.args[1] for request in requests]
        return [(-float(request.args[1] != request.doc["answer"]), True) for request in requests]

    def loglikelihood_rolling(self, requests: list[Instance]) -> list[float]:
        raise NotImplementedError


def scored(folder: Path, items: list[Example]) -> tuple[Perfect, list[Any]]:
    write_split(folder, "test", items)
    model = Perfect()
    return model, run_task(model, "mine", folder / "test.jsonl", EvaluationSettings())


def test_a_target_that_ends_in_eos_can_be_reached(tmp_path: Path) -> None:
    items = [
        Example("a", "[INST] q [/INST]", " an island</s>", target="an island</s>"),
        Example("b", "<s>[INST] q [/INST]", " 7</s>\n", target="7</s>"),
        Example("c", "q", " an island", target="an island"),
    ]
    _, records = scored(tmp_path, items)
    assert [record.correct for record in records] == [1, 1, 1]
    assert [record.expected for record in records] == ["an island", "7", "an island"]


def test_choices_are_compared_without_eos(tmp_path: Path) -> None:
    choices = [" a</s>", " b</s>"]
    model, records = scored(tmp_path, [Example("a", "q", choices[1], choices=choices, gold=1)])
    assert [record.correct for record in records] == [1]
    assert model.continuations == [" a", " b"]


def test_other_items_are_left_alone(tmp_path: Path) -> None:
    model, records = scored(tmp_path, [Example("a", "q", " a </b>\n", target="a </b>")])
    assert (records[0].correct, records[0].expected) == (1, "a </b>")
    assert bare_answer(" a </b>\n", model.tokenizer) == " a </b>\n"
