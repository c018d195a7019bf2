"""Chats, the templates of two families, and the tokenizers that go with them."""

from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from semalign.benchmarks.base import Example
from semalign.benchmarks.chats import plain
from semalign.models.tiny.tokenizer import build_tokenizer

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA2 = (
    "{% if messages[0]['role'] == 'system' %}{% set turns = messages[1:] %}"
    "{% set system = '<<SYS>>\n' + messages[0]['content'] + '\n<</SYS>>\n\n' %}"
    "{% else %}{% set turns = messages %}{% set system = '' %}{% endif %}"
    "{% for turn in turns %}{% if (turn['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if turn['role'] == 'user' %}"
    "{{ bos_token + '[INST] ' + (system if loop.first else '') + turn['content'].strip() + ' [/INST]' }}"
    "{% else %}{{ ' ' + turn['content'].strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)
CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi."},
    {"role": "assistant", "content": "a b."},
    {"role": "user", "content": "More?"},
    {"role": "assistant", "content": "c d"},
]
# the text of CHAT under each template, in parts that are supervised or not, without the final eos of the second one
PARTS = {
    "chatml": [
        (
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi.<|im_end|>\n<|im_start|>assistant\n",
            False,
        ),
        ("a b.<|im_end|>", True),
        ("\n<|im_start|>user\nMore?<|im_end|>\n<|im_start|>assistant\n", False),
        ("c d<|im_end|>", True),
    ],
    "llama2": [
        ("<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi. [/INST]", False),
        (" a b. </s>", True),
        ("<s>[INST] More? [/INST]", False),
        (" c d </s>", True),
    ],
    "plain": [
        ("Be brief.\n\nUser: Hi.\n\nAssistant:", False),
        (" a b.", True),
        ("\n\nUser: More?\n\nAssistant:", False),
        (" c d", True),
    ],
}


def example(messages: list[dict[str, str]] | None = None, template: str = "auto") -> Example:
    """The chat as `semalign.benchmarks.own` makes it."""
    messages = messages or CHAT
    text = plain(messages)
    target = messages[-1]["content"].strip()
    return Example("e", text.prompt, text.answer, target=target, messages=messages, template=template)


def chatml_tokenizer(template: str | None = CHATML, eos: str = "<|im_end|>") -> Any:
    """A byte-level tokenizer like Qwen's: no bos; every turn ends in the same token, which is eos by default."""
    backend = Tokenizer.from_str(build_tokenizer().backend_tokenizer.to_str())
    backend.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    backend.post_processor = processors.ByteLevel(trim_offsets=False)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token=eos, pad_token="<|endoftext|>", chat_template=template
    )


def llama2_tokenizer(template: str | None = LLAMA2) -> Any:
    """A tokenizer like Llama-2's: bos first, an added space before any text, bytes for what it does not know."""
    words = [
        "<unk>",
        "<s>",
        "</s>",
        *(f"<0x{byte:02X}>" for byte in range(256)),
        "▁",
        *"abcdefghI[]/",
        "▁a",
        "▁[",
    ]
    merges = [("▁", "a"), ("▁", "[")]
    vocabulary = {word: number for number, word in enumerate(words)}
    backend = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True))
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    backend.decoder = decoders.Sequence(
        [decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first", split=False)]
    )
    backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    backend.add_special_tokens(["<s>", "</s>"])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", unk_token="<unk>", chat_template=template
    )


def byte_tokenizer(template: str | None = None) -> Any:
    """The byte-level tokenizer of the tiny models, which adds bos."""
    tokenizer = build_tokenizer()
    tokenizer.chat_template = template
    return tokenizer
