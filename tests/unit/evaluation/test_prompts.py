"""A model's answers to the prompts that are trained on: greedy, with the limits of the evaluation."""

from pathlib import Path
from typing import Any

import pytest
import torch
from protocol_items import ITEMS

from semalign.benchmarks.answered import Answer, counts_of, read_answers
from semalign.benchmarks.base import Example, write_split
from semalign.benchmarks.encoding import encode_answer, encode_prompt
from semalign.benchmarks.mixture import write_mixture
from semalign.config.base import SPLITS
from semalign.evaluation.prompts.stage import answer_prompts
from semalign.models.loading import load_model, load_tokenizer
from semalign.runtime.errors import UserError
from semalign.runtime.files import write_json
from semalign.runtime.provenance import Run, check

LIMIT = 6
CHOICES = [" red", " tan", " sky"]
FACTS = [Example(f"facts-{i}", f"Q{i}?", CHOICES[i % 3], choices=CHOICES, gold=i % 3) for i in range(4)]
BODIES = [Example(f"body {i}", f"def f{i}(x):", "\n    return x", tests=["assert f(1)"]) for i in range(5)]


def write_benchmark(root: Path, name: str, items: list[Example]) -> Path:
    for split in SPLITS:
        write_split(root / name, split, items)
    Run("benchmark").seal(root / name)
    return root / name


def answers_of(root: Path, model: Path, benchmark: Path, **settings: Any) -> dict[str, Answer]:
    limits = dict.fromkeys(("completion", "humaneval"), LIMIT)
    write_json(root / "settings.json", {"split": "train", "max_new_tokens": limits, **settings})
    answer_prompts(model, benchmark, root / "settings.json", root / "answers")
    return read_answers(root / "answers")


def by_hand(folder: Path, prompt: str) -> list[int]:
    """The likeliest tokens, one after the other, as far as the limit or an end."""
    model, tokenizer = load_model(folder, torch.device("cpu"), torch.float32), load_tokenizer(folder)
    ids = encode_prompt(prompt, tokenizer)
    new: list[int] = []
    while len(new) < LIMIT:
        token = int(model(torch.tensor([ids + new])).logits[0, -1].argmax())
        if token == tokenizer.eos_token_id:
            break
        new.append(token)
    return new


def test_a_text_is_the_models_likeliest_continuation(tmp_path: Path, sealed_pair: tuple[Path, Path]) -> None:
    benchmark = write_benchmark(tmp_path, "completion", BODIES)
    answers = answers_of(tmp_path, sealed_pair[0], benchmark, batch_size=2)
    tokenizer = load_tokenizer(sealed_pair[0])
    assert list(answers) == [item.id for item in BODIES]
    for item in BODIES:
        expected = by_hand(sealed_pair[0], item.prompt)
        answer = answers[item.id]
        assert answer.answer == tokenizer.decode(expected, skip_special_tokens=True).rstrip()
        assert answer.cut == (len(expected) == LIMIT)
    record = check(tmp_path / "answers")
    assert record["answers"]["prompts"] == 5
    assert record["answers"]["cut"] == sum(answer.cut for answer in answers.values())
    assert record["evaluation"]["completion"]["decoding"]["max_gen_toks"] == LIMIT


def test_a_choice_is_the_likeliest_one(tmp_path: Path, sealed_pair: tuple[Path, Path]) -> None:
    answers = answers_of(tmp_path, sealed_pair[0], write_benchmark(tmp_path, "facts", FACTS))
    model = load_model(sealed_pair[0], torch.device("cpu"), torch.float32)
    tokenizer = load_tokenizer(sealed_pair[0])
    for item in FACTS:
        prompt = encode_prompt(item.prompt, tokenizer)
        sums = []
        for choice in CHOICES:
            own = encode_answer(choice, tokenizer)
            rows = model(torch.tensor([prompt + own])).logits[0].log_softmax(-1)[len(prompt) - 1 : -1]
            sums.append(float(rows.gather(-1, torch.tensor(own)[:, None]).sum()))
        assert answers[item.id] == Answer(item.id, CHOICES[sums.index(max(sums))])


def test_samples_are_not_drawn(tmp_path: Path, sealed_pair: tuple[Path, Path]) -> None:
    """The task for HumanEval samples 20 answers; here each prompt is answered once, greedily."""
    benchmark = write_benchmark(tmp_path, "humaneval", list(ITEMS["humaneval"]))
    first = answers_of(tmp_path, sealed_pair[0], benchmark)
    facts = check(tmp_path / "answers")["evaluation"]["humaneval"]
    assert facts["samples"] == 1
    assert facts["decoding"]["do_sample"] is False and "temperature" not in facts["decoding"]
    item = ITEMS["humaneval"][0]
    tokenizer = load_tokenizer(sealed_pair[0])
    expected = tokenizer.decode(by_hand(sealed_pair[0], item.prompt), skip_special_tokens=True)
    assert first[item.id].answer == expected.rstrip()


def test_each_part_of_a_mixture_is_answered_as_its_kind_is(
    tmp_path: Path, sealed_pair: tuple[Path, Path]
) -> None:
    parts = [write_benchmark(tmp_path, *part) for part in (("facts", FACTS), ("completion", BODIES))]
    alone = answers_of(tmp_path, sealed_pair[0], parts[1])
    (tmp_path / "both").mkdir()
    write_mixture([parts[0], write_benchmark(tmp_path / "renamed", "completion", BODIES)], tmp_path / "both")
    Run("benchmark").seal(tmp_path / "both")
    both = answers_of(tmp_path, sealed_pair[0], tmp_path / "both")
    assert {id_: both[id_] for id_ in alone} == alone
    assert all(both[item.id].answer in CHOICES for item in FACTS)


def test_a_task_that_scores_references_is_one_line(tmp_path: Path, sealed_pair: tuple[Path, Path]) -> None:
    items = [Example("a", "1 + 1 =", " 2", target="2")]
    with pytest.raises(UserError, match="answered_by: found task gsm8k-steps, which scores the reference"):
        answers_of(tmp_path, sealed_pair[0], write_benchmark(tmp_path, "gsm8k-steps", items))


def test_what_is_counted() -> None:
    told = [Answer("a", " red "), Answer("b", " tan", cut=True), Answer("c", "\n")]
    items = [Example(one.id, "p", " red") for one in told]
    counts = counts_of({one.id: one for one in told}, items)
    assert counts == {"prompts": 3, "empty": 1, "cut": 1, "equal_to_label": 1}
