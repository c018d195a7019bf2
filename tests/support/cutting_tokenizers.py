"""Tokenizers over the same bytes that cut texts into other tokens."""

from collections.abc import Sequence
from pathlib import Path


def write_merging(
    folder: Path, merges: Sequence[tuple[str, str]], begins: bool = False, turned: bool = False
) -> Path:
    """Write a byte-level tokenizer with some merges; `begins`: with bos; `turned`: with the ids in reverse order.

    The vocabulary always holds the results of all merges of digits, so that the ids do not depend on the order.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = sorted({left + right for left, right in merges} | {"12", "23", "123", "Ġ12", "âĤ", "Ĥ¬"})
    ordered = [*alphabet, *made]
    tokens = ["<pad>", "<s>", "</s>", *(reversed(ordered) if turned else ordered)]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=list(merges)))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    if begins:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 1)]
        )
    folder.mkdir(parents=True, exist_ok=True)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    ).save_pretrained(folder)
    return folder


def write_spaced(folder: Path) -> Path:
    """Write a tokenizer in the way of SentencePiece: `▁` begins a word, and one is put before any text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = ["▁", *"abcdefghijklmnopqrstuvwxyzQ12"]
    merges = [*(("▁", letter) for letter in "abtx"), ("▁t", "o"), ("1", "2"), ("▁", "12")]
    tokens = ["<pad>", "<s>", "</s>", *letters, *(left + right for left, right in merges)]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    folder.mkdir(parents=True, exist_ok=True)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    ).save_pretrained(folder)
    return folder
