"""Chats as models read them: every token and its label, against renderings made by hand."""

from typing import Any

import pytest
from chat_cases import (
    CHAT,
    CHATML,
    LLAMA2,
    PARTS,
    byte_tokenizer,
    chatml_tokenizer,
    example,
    llama2_tokenizer,
)

from semalign.benchmarks.chats import as_read, with_answer
from semalign.benchmarks.encoding import Encoded, collate, encode, encode_prompt
from semalign.runtime.errors import UserError

TOKENIZERS = {
    "chatml": chatml_tokenizer,
    "llama2": llama2_tokenizer,
    "plain": byte_tokenizer,
}


def ids_of(text: str, tokenizer: Any, first: bool) -> list[int]:
    """The tokens of a part by hand: a part that is not the first continues a text, so no space is put before it."""
    if tokenizer.convert_ids_to_tokens(3) != "<0x00>":
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])
    names: list[str] = []
    while text:
        name = next((mark for mark in ("<s>", "</s>") if text.startswith(mark)), text[0])
        text = text[len(name) :]
        known = name if name in tokenizer.get_vocab() else f"<0x{ord(name):02X}>" if name != " " else "▁"
        joined = names[-1:] == ["▁"] and f"▁{known}" in tokenizer.get_vocab()
        names = [*names[:-1], f"▁{known}"] if joined else [*names, known]
    return list(tokenizer.convert_tokens_to_ids(names))


def by_hand(parts: list[tuple[str, bool]], tokenizer: Any, eos: bool) -> tuple[list[int], list[int]]:
    """The tokens of a rendering and the places of those that are supervised."""
    ids: list[int] = (
        [] if tokenizer.bos_token is None or parts[0][0].startswith("<s>") else [tokenizer.bos_token_id]
    )
    places: list[int] = []
    for at, (text, supervised) in enumerate(parts):
        own = ids_of(text, tokenizer, at == 0)
        places += range(len(ids), len(ids) + len(own)) if supervised else ()
        ids += own
    return ([*ids, tokenizer.eos_token_id], [*places, len(ids)]) if eos else (ids, places)


@pytest.mark.parametrize("name", TOKENIZERS)
def test_every_token_and_label_of_a_chat_is_that_of_a_rendering_by_hand(name: str) -> None:
    tokenizer = TOKENIZERS[name]()
    encoded = encode(example(), tokenizer)
    ids, places = by_hand(PARTS[name], tokenizer, eos=name == "plain")
    assert encoded.input_ids == ids
    assert [at for start, end in encoded.spans for at in range(start, end)] == places
    assert encoded.supervised == [ids[at] for at in places] and encoded.positions == len(places)
    batch = collate([encoded, Encoded([5, 6, 7], 1)], 0)
    assert batch.supervised[0].nonzero()[:, 0].tolist() == [at - 1 for at in places]
    assert batch.labels[0][batch.supervised[0]].tolist() == encoded.supervised


@pytest.mark.parametrize("template", [CHATML, LLAMA2])
def test_the_tokens_are_those_of_transformers_up_to_the_last_eos(template: str) -> None:
    tokenizer = chatml_tokenizer(template)
    tokenizer.bos_token = "<|im_start|>"
    encoded = encode(example(), tokenizer)
    whole = tokenizer.apply_chat_template(CHAT, tokenize=True, return_dict=False)
    end = len(whole) - whole[::-1].index(tokenizer.eos_token_id)
    assert encoded.input_ids == whole[:end] and tokenizer.decode(whole[end:]).strip() == ""


@pytest.mark.parametrize("name", TOKENIZERS)
def test_the_prompt_of_scoring_is_that_of_training(name: str) -> None:
    tokenizer = TOKENIZERS[name]()
    encoded = encode(example(), tokenizer)
    read = as_read(example(), tokenizer)
    assert encode_prompt(read.prompt, tokenizer) == encoded.input_ids[: encoded.answer_start]
    assert encoded.last.spans == encoded.spans[-1:] and len(encoded.spans) == 2
    if tokenizer.chat_template:
        prompt = tokenizer.apply_chat_template(CHAT[:-1], tokenize=False, add_generation_prompt=True)
        assert read.prompt == prompt


def test_a_turn_that_ends_in_another_token_than_eos_is_followed_by_eos() -> None:
    tokenizer = chatml_tokenizer(eos="<|endoftext|>")
    encoded = encode(example(), tokenizer)
    assert tokenizer.convert_ids_to_tokens(encoded.input_ids[-2:]) == ["<|im_end|>", "<|endoftext|>"]
    ends = [encoded.input_ids[end - 1] for _, end in encoded.turns]
    assert tokenizer.convert_ids_to_tokens(ends) == ["<|im_end|>"]


@pytest.mark.parametrize("choice", ["auto", "none"])
def test_without_a_template_or_with_none_the_layout_is_plain(choice: str) -> None:
    tokenizer = chatml_tokenizer(CHATML if choice == "none" else None)
    read = as_read(example(template=choice), tokenizer)
    assert read.prompt + read.answer == "".join(text for text, _ in PARTS["plain"])


def test_a_file_of_a_template_counts_for_every_tokenizer() -> None:
    texts = {
        as_read(example(template=CHATML), make(other)).prompt
        for make, other in ((chatml_tokenizer, None), (byte_tokenizer, LLAMA2))
    }
    assert texts == {"".join(text for text, _ in PARTS["chatml"][:-1])}


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (
            CHATML.replace("message['content']", "message['content'].upper()"),
            "does not write messages[2] as it is",
        ),
        (
            CHATML.replace("message['content']", "message['content'].replace(' ', ' um ')"),
            "does not write messages[2] as it is",
        ),
        (
            CHATML.replace("message['content']", "message['content'][:3]"),
            "does not write messages[2] as it is",
        ),
        (
            "{% for m in messages if m['role'] == 'user' %}{{ m['content'] }}{% endfor %}",
            "does not write messages[2]",
        ),
        (
            CHATML.replace("{{ '<|im_start|>assistant\n' }}", "{{ '<|im_start|>bot\n' }}"),
            "the template begins an answer with 'bot\\n'",
        ),
        ("{{ raise_exception('no system, please') }}", "can't render the chat (no system, please)"),
        ("{{ messages[9]['content'] }}", "can't render the chat ("),
        ("{{ ''.__class__.__mro__ }}{{ messages }}", "can't render the chat (access to attribute"),
        ("{% if %}", "can't render the chat ("),
    ],
)
def test_a_template_that_changes_what_is_said_is_one_line(template: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        encode(example(template=template), chatml_tokenizer())
    [line] = error.value.lines
    assert line.startswith("example e: chat_template: ") and message in line
    assert line.endswith("expected another template, or none")


def test_a_template_may_strip_texts_and_write_before_an_answer() -> None:
    messages = [{"role": "user", "content": " Hi. "}, {"role": "assistant", "content": "\nYes.\n"}]
    stripping = CHATML.replace("message['content']", "message['content'].strip()")
    read = as_read(example(messages, stripping), chatml_tokenizer())
    assert read.answer == "Yes.<|im_end|>" and read.prompt.endswith("Hi.<|im_end|>\n<|im_start|>assistant\n")
    thinking = CHATML.replace(
        "message['content'] +",
        "('<think>\n\n</think>\n\n' if message['role'] == 'assistant' else '') + message['content'] +",
    )
    read = as_read(example(None, thinking), chatml_tokenizer())
    assert (
        read.prompt.endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")
        and read.answer == "c d<|im_end|>"
    )


def test_the_date_is_always_the_same() -> None:
    dated = "{{ strftime_now('%d %b %Y') }}{{ date_string }}" + CHATML
    assert as_read(example(template=dated), chatml_tokenizer()).prompt.startswith(
        "26 Jul 202426 Jul 2024<|im_start|>"
    )


def test_always_needs_a_template() -> None:
    with pytest.raises(
        UserError, match="chat_template: found always, but the tokenizer of a model has no chat"
    ):
        encode(example(template="always"), byte_tokenizer())


def test_another_answer_is_that_of_the_last_turn() -> None:
    changed = with_answer(example(), " e f ")
    assert (
        changed.messages == [*CHAT[:-1], {"role": "assistant", "content": "e f"}]
        and changed.answer == " e f "
    )
    assert as_read(changed, chatml_tokenizer()).answer == "e f<|im_end|>"
