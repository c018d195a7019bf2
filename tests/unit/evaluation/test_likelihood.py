"""Scores without generation: the likelihood of the reference answer, and calculator steps."""

import json
import math
from pathlib import Path

import pytest
import torch

from semalign.benchmarks.encoding import encode_answer, encode_prompt
from semalign.config.evaluation import EvaluationSettings
from semalign.evaluation.harness import evaluate
from semalign.evaluation.items import ItemRecord, summarise
from semalign.evaluation.likelihood import METRIC, bits
from semalign.evaluation.steps import steps_of
from semalign.models.loading import load_model, load_tokenizer
from semalign.runtime.files import write_jsonl

SOLUTION = "48/2 = <<48/2=24>>24 clips.\nIn all 48+24 = $<<48+24=72>>72.\n#### 72"
ANSWER = " 48/2 = 24 clips.\nIn all 48+24 = $72.\nSo the answer is 72."
ITEM = {"id": "one", "prompt": "Q: how many?\nA:", "answer": ANSWER, "target": "72"}
FIELDS = {"fields": {"solution": SOLUTION}}


@pytest.fixture
def split(tmp_path: Path) -> Path:
    """Two problems with calculator marks."""
    rows = [{**ITEM, **FIELDS}, {**ITEM, **FIELDS, "id": "two", "prompt": "Another.\nA:"}]
    write_jsonl(tmp_path / "test.jsonl", rows)
    return tmp_path / "test.jsonl"


def log_probs(folder: Path, prompt: str, answer: str) -> tuple[list[float], list[bool]]:
    """Log-probability of every answer token and whether it is the likeliest, token by token, float64."""
    model, tokenizer = load_model(folder), load_tokenizer(folder)
    ids, values, greedy = encode_prompt(prompt, tokenizer), [], []
    for token in encode_answer(answer, tokenizer):
        with torch.no_grad():
            row = model(torch.tensor([ids])).logits[0, -1].double().log_softmax(-1)
        values.append(row[token].item())
        greedy.append(row.argmax().item() == token)
        ids = [*ids, token]
    return values, greedy


@pytest.mark.parametrize("task", ["gsm8k-likelihood", "mbpp-likelihood"])
def test_the_score_is_the_mean_probability_of_a_character(
    pico_pair: tuple[Path, Path], split: Path, task: str
) -> None:
    model, tokenizer = load_model(pico_pair[0]), load_tokenizer(pico_pair[0])
    records = evaluate(model, tokenizer, task, split, EvaluationSettings())
    values, _ = log_probs(pico_pair[0], ITEM["prompt"], ANSWER)
    expected = math.exp(sum(values) / len(ANSWER))
    assert records[0].correct == pytest.approx(expected, rel=1e-4)
    assert "nats" in records[0].response
    assert records[0].expected == ANSWER
    found = summarise(records, {task: METRIC})
    assert found["bits_per_character"] == pytest.approx(
        sum(bits(record.correct or 0) for record in records) / 2
    )
    assert bits(expected) == pytest.approx(-sum(values) / len(ANSWER) / math.log(2))


def test_other_metrics_have_no_bits() -> None:
    assert "bits_per_character" not in summarise([ItemRecord("a", 1.0, "", "")], {"x": "accuracy"})


def test_steps_are_cut_before_their_values() -> None:
    assert steps_of({**ITEM, **FIELDS}) == [
        (" 48/2 =", " 24"),
        (" 48/2 = 24 clips.\nIn all 48+24 = $", "72"),
    ]


def test_a_solution_without_steps_is_judged_by_its_result() -> None:
    assert steps_of({**ITEM, "fields": {"solution": "It is 72.\n#### 72"}}) == [
        (ANSWER.removesuffix(" 72."), " 72")
    ]


def test_a_mark_whose_value_is_not_written_is_left_out() -> None:
    found = steps_of({**ITEM, "fields": {"solution": "a <<1+1=2>>two, 3 = <<1+2=3>>3\n#### 3"}})
    assert found == [(" a two, 3 =", " 3")]


def test_a_step_counts_where_its_value_is_the_greedy_continuation(
    pico_pair: tuple[Path, Path], split: Path
) -> None:
    model, tokenizer = load_model(pico_pair[0]), load_tokenizer(pico_pair[0])
    rows = [json.loads(line) for line in split.read_text().splitlines()]
    # an item whose only step has the value that the model generates
    written = _greedy(pico_pair[0], rows[0]["prompt"] + " x =")
    rows[0]["fields"]["solution"] = f"x =<<x={written}>>{written} and 1 = <<1=zq>>zq\n#### 72"
    write_jsonl(split, rows)
    records = evaluate(model, tokenizer, "gsm8k-steps", split, EvaluationSettings())
    expected = []
    for row in rows:
        flags = [
            all(log_probs(pico_pair[0], row["prompt"] + before, value)[1]) for before, value in steps_of(row)
        ]
        expected.append(sum(flags) / len(flags))
    assert [record.correct for record in records] == expected
    assert records[0].correct == 0.5


def _greedy(folder: Path, text: str) -> str:
    """The next token that the model generates, as text."""
    model, tokenizer = load_model(folder), load_tokenizer(folder)
    with torch.no_grad():
        token = model(torch.tensor([encode_prompt(text, tokenizer)])).logits[0, -1].argmax()
    return str(tokenizer.decode([int(token)]))
