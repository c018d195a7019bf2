"""Examples to tokens, tokens to batches."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from semalign.benchmarks.base import Example
from semalign.benchmarks.encoding import collate, encode, encode_answer, encode_prompt
from semalign.models.tiny.tokenizer import build_tokenizer
from semalign.runtime.errors import UserError

EXAMPLE = Example("e", "What is 2 + 2?", " It is 4.")


def metaspace_tokenizer() -> Any:
    """A tokenizer like Llama-2's: bos first, and an added space before any text."""
    words = ["<s>", "</s>", "<0x0A>", *"▁abcdefghijklmnopqrstuvwxyz?.+0123456789IWT", "▁x", "▁it"]
    vocabulary = {word: i for i, word in enumerate(words)}
    tokenizer = Tokenizer(models.BPE(vocabulary, [("▁", "x")], unk_token="?", byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")


def test_bos_prompt_answer_eos() -> None:
    tokenizer = build_tokenizer()
    encoded = encode(EXAMPLE, tokenizer)
    assert encoded.input_ids[0] == tokenizer.bos_token_id
    assert encoded.input_ids[-1] == tokenizer.eos_token_id
    start = encoded.answer_start
    assert tokenizer.decode(encoded.input_ids[1:start]) == EXAMPLE.prompt
    assert tokenizer.decode(encoded.input_ids[start:-1]) == EXAMPLE.answer


def test_a_tokenizer_without_bos_habit_or_special_tokens(pico_pair: tuple[Path, Path]) -> None:
    tokenizer = AutoTokenizer.from_pretrained(pico_pair[0])
    encoded = encode(EXAMPLE, tokenizer)  # has a bos, but never adds it
    assert len(encoded.input_ids) == len(EXAMPLE.prompt + EXAMPLE.answer) + 1
    assert encoded.answer_start == len(EXAMPLE.prompt)
    bare = PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer)
    assert encode(EXAMPLE, bare).input_ids == encoded.input_ids[:-1]


@pytest.mark.parametrize("answer", [" it is 4", "\n it", "4"])
def test_no_space_is_put_inside_an_example(answer: str) -> None:
    tokenizer = metaspace_tokenizer()
    prompt = encode_prompt("What is 2 + 2?", tokenizer)
    joint = tokenizer("What is 2 + 2?" + answer)["input_ids"]
    assert prompt[0] == 0
    assert prompt + encode_answer(answer, tokenizer) == joint
    assert encode_answer("4", tokenizer) == [tokenizer.convert_tokens_to_ids("4")]


def test_an_answer_that_would_merge_with_the_anchor_is_kept_whole() -> None:
    words = ["<s>", "</s>", "<0x0A>", *"▁abcdefghijklmnopqrstuvwxyz)0Qé", "▁x", "▁xr", "▁)", "▁)a"]
    merges = [("▁", "x"), ("▁x", "r"), ("▁", ")"), ("▁)", "a")]
    tokenizer = Tokenizer(models.BPE({word: i for i, word in enumerate(words)}, merges, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    for answer in ("ray", "ab", "ra", " ray", "\nray", "xray"):
        spelt = "".join(fast.convert_ids_to_tokens(encode_answer(answer, fast)))
        assert spelt.replace("▁", " ").replace("<0x0A>", "\n") == answer


def test_the_boundary_does_not_depend_on_the_answer() -> None:
    tokenizer = build_tokenizer()
    starts = {
        encode(Example("e", "def f(x):", answer), tokenizer).answer_start for answer in (" 1", "\n 1", ")")
    }
    assert len(starts) == 1


@pytest.mark.parametrize(("prompt", "answer", "which"), [("", " a", "prompt"), ("a", "", "answer")])
def test_an_empty_side_is_refused(pico_pair: tuple[Path, Path], prompt: str, answer: str, which: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(pico_pair[0])
    with pytest.raises(UserError, match=f"example e: found no tokens in the {which}"):
        encode(Example("e", prompt, answer), tokenizer)


def test_collate_shifts_and_masks() -> None:
    tokenizer = build_tokenizer()
    examples = [EXAMPLE, Example("f", "Which one of these two numbers is larger?", " 7")]
    encoded = [encode(example, tokenizer) for example in examples]
    batch = collate(encoded, pad_id=tokenizer.pad_token_id)
    longest = max(len(item.input_ids) for item in encoded)
    assert batch.input_ids.shape == batch.labels.shape == batch.attention_mask.shape == (2, longest)
    for row, item in enumerate(encoded):
        length = len(item.input_ids)
        assert batch.input_ids[row].tolist() == item.input_ids + [tokenizer.pad_token_id] * (longest - length)
        assert batch.attention_mask[row].tolist() == [1] * length + [0] * (longest - length)
        for position in range(longest):
            inside = item.answer_start <= position + 1 < length
            expected = item.input_ids[position + 1] if inside else -100
            assert batch.labels[row, position].item() == expected
    assert torch.equal(batch.supervised, batch.labels != -100)
    assert batch.supervised.sum().item() == sum(len(e.input_ids) - e.answer_start for e in encoded)
    assert batch.to("cpu").input_ids.device.type == "cpu"
