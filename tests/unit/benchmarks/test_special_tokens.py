"""One bos and one eos, whatever the text of a row holds, for tokenizers of every habit."""

from collections.abc import Callable
from typing import Any

import pytest
from test_encoding import metaspace_tokenizer
from tokenizers import Tokenizer, processors
from transformers import PreTrainedTokenizerFast

from semalign.benchmarks.base import Example
from semalign.benchmarks.encoding import (
    bare_answer,
    encode,
    encode_answer,
    encode_prompt,
)
from semalign.benchmarks.special_tokens import special_texts
from semalign.models.pruning.documents import encode_documents
from semalign.models.tiny.tokenizer import build_tokenizer

CHAT = ("[INST] What is 2 + 2? [/INST]", " It is 4.")


def chat_tokenizer(bos: str | None, eos: str, adds: str = "") -> Any:
    """A byte-level tokenizer with special tokens of a chat; `adds` says which of them it puts around a text."""
    backend = Tokenizer.from_str(build_tokenizer().backend_tokenizer.to_str())
    backend.add_special_tokens(
        [token for token in ("<|pad|>", bos, eos, "<|im_start|>", "<|im_end|>") if token]
    )
    parts = [
        token for token, side in ((bos, "b"), ("$A", ""), (eos, "e")) if token and (side in adds or not side)
    ]
    named = [(token, backend.token_to_id(token)) for token in parts if token != "$A"]
    if not named:
        backend.post_processor = processors.ByteLevel(trim_offsets=False)
    else:
        backend.post_processor = processors.TemplateProcessing(single=" ".join(parts), special_tokens=named)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token=bos, eos_token=eos, pad_token="<|pad|>"
    )


TOKENIZERS: dict[str, Callable[[], Any]] = {
    "byte level, adds bos": build_tokenizer,
    "metaspace, adds bos": metaspace_tokenizer,
    "adds bos": lambda: chat_tokenizer("<|begin_of_text|>", "<|end_of_text|>", "b"),
    "adds bos and eos": lambda: chat_tokenizer("<|begin_of_text|>", "<|end_of_text|>", "be"),
    "adds eos only": lambda: chat_tokenizer("<|begin_of_text|>", "<|end_of_text|>", "e"),
    "adds neither": lambda: chat_tokenizer("<|im_start|>", "<|im_end|>"),
    "has no bos": lambda: chat_tokenizer(None, "<|im_end|>"),
    "bos is eos": lambda: chat_tokenizer("<|endoftext|>", "<|endoftext|>"),
    "bos is eos and is added": lambda: chat_tokenizer("<|endoftext|>", "<|endoftext|>", "b"),
}


@pytest.fixture(params=list(TOKENIZERS))
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return TOKENIZERS[request.param]()


def test_rendered_text_has_one_bos_and_one_eos(tokenizer: Any) -> None:
    bos, eos = tokenizer.bos_token or "", tokenizer.eos_token
    prompt, answer = CHAT
    plain = encode(Example("e", prompt, answer), tokenizer)
    begins = plain.input_ids[:1] == [tokenizer.bos_token_id]
    for before in ("", bos, bos + bos, f" {bos}", f"\n{bos}") if bos else ("",):
        for after in ("", eos, eos + eos, f"{eos}\n", f"{eos} {eos} \n"):
            found = encode(Example("e", before + prompt, answer + after), tokenizer)
            own_bos = [tokenizer.bos_token_id] if before and not begins else []
            assert found.input_ids == own_bos + plain.input_ids
            assert found.answer_start == len(own_bos) + plain.answer_start
            # evaluation reads the same tokens
            assert encode_prompt(before + prompt, tokenizer) == found.input_ids[: found.answer_start]
            assert encode_answer(answer + after, tokenizer) == found.input_ids[found.answer_start : -1]
            assert bare_answer(answer + after, tokenizer) == answer
    assert plain.input_ids[-1] == tokenizer.eos_token_id
    assert plain.input_ids.count(tokenizer.eos_token_id) == 1 + (bos == eos and begins)


def test_text_without_special_tokens_keeps_its_white_space(tokenizer: Any) -> None:
    for answer in (" 4 ", "\n4\n\n", " a </s", " <s", "4"):
        assert bare_answer(answer, tokenizer) == answer
    prompt = encode_prompt(" 4 ", tokenizer)
    assert tokenizer.decode(prompt, skip_special_tokens=True).endswith(" 4 ".lstrip())


def test_bos_before_an_answer_is_left_out_if_the_tokenizer_begins_texts_with_it() -> None:
    for name, written in (("metaspace, adds bos", "<s>"), ("adds bos and eos", "<|begin_of_text|>")):
        tokenizer = TOKENIZERS[name]()
        for answer in (f"{written} 4", f" {written}4", f" {written} 4{tokenizer.eos_token}"):
            assert bare_answer(answer, tokenizer) == " 4"
    answer = "<|im_start|>assistant\n4"
    assert bare_answer(answer, TOKENIZERS["adds neither"]()) == answer


def test_special_tokens_inside_a_prompt_are_kept_as_a_chat_template_writes_them() -> None:
    tokenizer = TOKENIZERS["adds neither"]()
    turns = "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n"
    ids = encode_prompt(turns, tokenizer)
    start, end = tokenizer.convert_tokens_to_ids(["<|im_start|>", "<|im_end|>"])
    assert (ids[0], ids.count(start), ids.count(end)) == (start, 2, 1)
    assert tokenizer.decode(ids) == turns
    assert special_texts(Example("e", turns, "4<|im_end|>\n"), tokenizer) == []
    llama = build_tokenizer()
    two = "<s>[INST] a [/INST] b</s><s>[INST] c [/INST]"
    assert encode_prompt(two, llama).count(llama.bos_token_id) == 2
    assert special_texts(Example("e", two, " d</s>"), llama) == []


@pytest.mark.parametrize(
    ("prompt", "answer", "choices", "message"),
    [
        (
            "q",
            " a</s> b",
            None,
            "answer: found the eos token </s> inside, expected it at the end or not at all",
        ),
        (
            "q",
            " a<s> b</s>",
            None,
            "answer: found the bos token <s> inside, expected it at the prompt's beginning",
        ),
        (
            "<s>q</s>",
            " a",
            None,
            "prompt: found the eos token </s> at the end, expected a text that an answer",
        ),
        ("q", " a<pad>", None, "answer: found the padding token <pad>, expected none"),
        ("<pad>q", " a", None, "prompt: found the padding token <pad>, expected none"),
        ("q", " a", [" a", " b</s>c"], "choices[1]: found the eos token </s> inside"),
        (
            "q",
            " a<|im_end|>\n",
            None,
            "answer: found <|im_end|> at its edge, which is no token of this model; expected",
        ),
        (
            "<|im_start|>q",
            " a",
            None,
            "prompt: found <|im_start|> at its edge, which is no token of this model",
        ),
        ("<bos>q", " a", None, "prompt: found <bos> at its edge, which is no token of this model"),
    ],
)
def test_special_tokens_that_break_a_text_are_named(
    prompt: str, answer: str, choices: list[str] | None, message: str
) -> None:
    [found] = special_texts(Example("e", prompt, answer, choices=choices), build_tokenizer())
    assert found.startswith(message)


def test_documents_have_one_bos_and_one_eos(tokenizer: Any) -> None:
    [plain] = encode_documents(["some text"], tokenizer, 100)
    written = "some text" + tokenizer.eos_token + "\n"
    assert encode_documents([written], tokenizer, 100)[0].input_ids == plain.input_ids
    if plain.input_ids[0] == tokenizer.bos_token_id:
        assert (
            encode_documents([tokenizer.bos_token + written], tokenizer, 100)[0].input_ids == plain.input_ids
        )


def test_every_habit_reads_what_is_written(tokenizer: Any) -> None:
    from semalign.evaluation.readiness.fidelity import added_tokens, difference

    bos, eos = tokenizer.bos_token or "", tokenizer.eos_token
    for prompt, answer in [
        ("What is  2?", " 4 x"),
        (f"{bos}What", f" a{eos}"),
        ("a", "b"),
        (" What", " x "),
    ]:
        item = Example("a", prompt, answer)
        assert difference(item, encode(item, tokenizer), tokenizer) is None
    assert added_tokens(tokenizer) == ""
