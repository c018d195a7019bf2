"""Special tokens of a model in the text of an example, where none should be."""

import re
from typing import Any

from semalign.benchmarks.base import Example
from semalign.benchmarks.encoding import adds_bos, bare_answer

EDGE = r"(</?s>|<[be]os>|<\|\w+\|>|<(?:start|end)_of_turn>)"  # special tokens of the common families
BEGINS = re.compile(rf"\s*{EDGE}")
ENDS = re.compile(rf"{EDGE}\s*$")


def special_texts(example: Example, tokenizer: Any) -> list[str]:
    """What is wrong with the special tokens in an example's text.

    That is bos or eos where none can be, padding, and another model's special token at the beginning or the end.
    Other special tokens, such as those of a chat's turns, and bos or eos between the turns of a prompt, are as a chat
    template writes them.
    """
    bos, eos, pad = tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token
    found = []
    written = {
        "answer": example.answer,
        **{f"choices[{at}]": text for at, text in enumerate(example.choices or [])},
    }
    answers = {name: bare_answer(text, tokenizer) for name, text in written.items()}
    targets = {"target": bare_answer(example.target, tokenizer)} if example.target else {}
    found += [
        f"{name}: found nothing but special tokens, expected a text"
        for name, text in {**answers, **targets}.items()
        if not text.strip()
    ]
    for name, answer in answers.items():
        if eos and eos in answer:
            found.append(f"{name}: found the eos token {eos} inside, expected it at the end or not at all")
        elif bos and bos in answer and adds_bos(tokenizer):
            found.append(
                f"{name}: found the bos token {bos} inside, expected it at the prompt's beginning only"
            )
    edges = {
        "prompt": BEGINS.match(example.prompt),
        **{name: ENDS.search(text) for name, text in answers.items()},
    }
    for name, edge in edges.items():
        if edge and edge.group(1) not in tokenizer.get_vocab():
            found.append(
                f"{name}: found {edge.group(1)} at its edge, which is no token of this model; expected its own"
            )
    if eos and eos != bos and example.prompt.rstrip().endswith(eos):
        found.append(
            f"prompt: found the eos token {eos} at the end, expected a text that an answer continues"
        )
    if pad and pad not in (bos, eos):
        texts = {"prompt": example.prompt, **answers}
        found += [
            f"{name}: found the padding token {pad}, expected none"
            for name, text in texts.items()
            if pad in text
        ]
    return found
