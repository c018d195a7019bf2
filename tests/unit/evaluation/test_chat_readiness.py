"""Chats before training and in scoring: templates that differ between teacher and student, prompts, what is scored."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from chat_cases import CHAT, CHATML, LLAMA2, chatml_tokenizer, example
from checked_texts import check, write_benchmark

from semalign.benchmarks.base import Example
from semalign.benchmarks.chats import as_read
from semalign.benchmarks.encoding import encode, encode_prompt
from semalign.benchmarks.fitting import Reader
from semalign.config.evaluation import EvaluationSettings
from semalign.evaluation.chat_items import chat_items
from semalign.evaluation.harness import describe, load_task
from semalign.evaluation.readiness.chat_texts import warnings_of
from semalign.evaluation.readiness.cuts import Comparer, Difference
from semalign.evaluation.readiness.lines import cut_differently
from semalign.evaluation.reference import reference_states
from semalign.models.loading import load_model, load_tokenizer
from semalign.models.states import answer_tokens, offsets_of, read_states
from semalign.runtime.errors import UserError
from semalign.runtime.provenance import Run

QUESTIONS = (  # another layout with the same texts where an assistant speaks
    "{% for turn in messages %}{% if turn['role'] == 'user' %}{{ 'Q: ' + turn['content'] + '\nA:' }}"
    "{% elif turn['role'] == 'system' %}{{ turn['content'] + '\n' }}"
    "{% else %}{{ ' ' + turn['content'] + ' ' + eos_token + '\n' }}{% endif %}{% endfor %}"
)
Pair = tuple[Path, Path]


def with_template(model: Path, folder: Path, template: str) -> Path:
    shutil.copytree(model, folder)
    (folder / "chat_template.jinja").write_text(template)
    Run("model").seal(folder)
    return folder


def chats(count: int = 4) -> list[Example]:
    """Chats of two answers that differ in every text."""
    found = []
    for at in range(count):
        messages = [{**turn, "content": f"{turn['content']} {at}"} for turn in CHAT]
        found.append(replace(example(messages), id=f"row-{at}"))
    return found


@pytest.fixture
def unlike(sealed_pair: Pair, tmp_path: Path) -> Pair:
    """A pair of models with one vocabulary and two chat templates."""
    return (
        with_template(sealed_pair[0], tmp_path / "teacher", LLAMA2),
        with_template(sealed_pair[1], tmp_path / "student", QUESTIONS),
    )


def test_prompts_may_differ_if_what_is_supervised_is_cut_alike(unlike: Pair, tmp_path: Path) -> None:
    report = check(tmp_path / "check", unlike, chats(), uses={"train": ["distill-logits"]})
    train = report["benchmarks"]["mine"]["train"]
    assert (train["answers_cut_differently"], train["prompts_cut_differently"]) == (0, 3)
    first = train["first"]
    assert first["teacher"]["text"].startswith("<s>[INST] <<SYS>>\nBe brief. 0")
    assert first["student"]["text"] == "Be brief. 0\nQ: Hi. 0\nA: a b. 0 </s>\nQ: More? 0\nA: c d 0 </s>"
    [[start, end]] = first["student"]["turns"]
    assert first["student"]["ids"][start:end][-1] == 2 and first["text"].startswith("Be brief. 0\n\nUser: ")
    scored = report["benchmarks"]["mine"]["test"]["scored"]
    assert {role: counts["unreachable"] for role, counts in scored.items()} == {"teacher": 0, "student": 0}


def test_stored_rows_of_both_models_belong_to_the_same_tokens(unlike: Pair) -> None:
    encoded = [[encode(item, load_tokenizer(folder)) for item in chats()] for folder in unlike]
    assert torch.equal(offsets_of(encoded[0]), offsets_of(encoded[1]))
    assert torch.equal(answer_tokens(encoded[0]), answer_tokens(encoded[1]))
    assert all(len(item.turns) == 1 for items in encoded for item in items)


def test_other_tokens_at_the_end_are_one_cut_and_another_number_of_them_is_named() -> None:
    instruct, base = (chatml_tokenizer(eos=eos) for eos in ("<|im_end|>", "<|endoftext|>"))
    other = chatml_tokenizer(CHATML.replace("<|im_end|>", "<|im_start|>"), eos="<|endoftext|>")
    items = [example(CHAT[1:3])]

    def compare(*tokenizers: Any) -> list[Difference]:
        teacher, student = (Reader("m", tokenizer, 256) for tokenizer in tokenizers)
        encoded = [[encode(item, reader.tokenizer) for item in items] for reader in (teacher, student)]
        return Comparer(teacher, student).compare("train", items, *encoded).answers

    assert compare(base, other) == []
    [found] = compare(instruct, base)
    shown = ("'a| b|.|<|im_end|>'", "'a| b|.|<|im_end|>|<|endoftext|>'")
    assert (found.teacher, found.student, found.ends) == (*shown, True)
    line = cut_differently("mine", [found], 1, ["distill-logits"])
    assert "expected turns that as many tokens end in both (the same eos_token in" in line


def test_another_cut_of_an_earlier_turn_is_refused_where_a_method_reads_it(
    unlike: Pair, tmp_path: Path
) -> None:
    other = QUESTIONS.replace("' ' + eos_token", "('' if loop.index < 4 else ' ') + eos_token")
    student = with_template(unlike[1], tmp_path / "other", other)
    with pytest.raises(UserError) as error:
        check(tmp_path / "check", (unlike[0], student), chats(), uses={"train": ["distill-logits"]})
    [line] = error.value.lines
    assert line.startswith(
        "benchmarks.mine: train: the answer of example row-0 is cut into ' |a| |b|.| |0| ' by"
    )
    report = check(tmp_path / "allowed", (unlike[0], student), chats())
    assert report["benchmarks"]["mine"]["train"]["answers_cut_differently"] == 3


@pytest.mark.parametrize(
    ("template", "changed", "found"),
    [
        (
            "{% for turn in messages if turn['role'] != 'system' %}{{ turn['content'] + eos_token }}{% endfor %}",
            {},
            "the chat template does not write messages[0] (system) as it is, so the model reads less (3 of 13 chats)",
        ),
        (
            QUESTIONS,
            {2: "a b.</s>"},
            "messages[2] holds </s>, which the chat template writes too: was a template",
        ),
        (QUESTIONS, {2: "a <pad>"}, None),
    ],
)
def test_what_a_template_leaves_out_or_repeats_is_a_warning(
    unlike: Pair, template: str, changed: dict[int, str], found: str | None
) -> None:
    tokenizer = load_tokenizer(unlike[1])
    others = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]
    wrong = [{**turn, "content": changed.get(at, turn["content"])} for at, turn in enumerate(CHAT)]
    items = [*[example(others, template)] * 10, *[example(wrong, template)] * 3]
    lines = list(warnings_of(tokenizer, {"train": (None, items)}))
    assert [line.startswith(f"train: example e: {found}") for line in lines] == ([True] if found else [])


@pytest.mark.parametrize("role", [0, 1])
def test_a_task_asks_for_the_last_turn_after_the_prompt_of_training(
    unlike: Pair, tmp_path: Path, role: int
) -> None:
    benchmark = write_benchmark(tmp_path, chats())
    tokenizer = load_tokenizer(unlike[role])
    settings = EvaluationSettings()
    task = load_task("mine", benchmark / "test.jsonl", settings, Reader("m", tokenizer, 256))
    chat_items(task, tokenizer)
    for item, asked in zip(chats(), task.eval_docs, strict=True):
        encoded = encode(item, tokenizer)
        prompt = task.fewshot_context(asked, 0)
        assert encode_prompt(prompt, tokenizer) == encoded.input_ids[: encoded.answer_start]
        assert asked["answer"] == as_read(item, tokenizer).answer and asked["target"] == item.target
    facts = describe("mine", benchmark / "test.jsonl", settings, Reader("m", tokenizer, 256))
    assert facts["chat_template"] is True and facts["first_prompt"] == as_read(chats()[0], tokenizer).prompt


def test_the_reference_of_the_teacher_is_on_the_last_turn(unlike: Pair) -> None:
    tokenizer = load_tokenizer(unlike[0])
    reference = reference_states(load_model(unlike[0]), tokenizer, chats(), 3)
    last = [encode(item, tokenizer).last for item in chats()]
    assert reference.tokens.tolist() == [token for item in last for token in item.supervised]
    assert reference.offsets.diff().tolist() == [item.positions for item in last]


def test_states_are_read_at_every_supervised_position_of_every_turn(unlike: Pair) -> None:
    model: Any = load_model(unlike[1])
    encoded = [encode(item, load_tokenizer(unlike[1])) for item in chats()]
    rows = []
    for item in encoded:
        hidden = model(torch.tensor([item.input_ids]), output_hidden_states=True).hidden_states[2][0]
        rows += [hidden[at - 1] for start, end in item.spans for at in range(start, end)]
    states = read_states(model, encoded, [2], "block", 3, 0)[2]
    torch.testing.assert_close(states, torch.stack(rows), rtol=1e-4, atol=1e-5)
