"""Loading the tokenizer of a model folder as its tokenizer.json describes it.

Some classes of transformers take only the vocabulary from that file, and cut texts by rules of their own: a tokenizer
that splits digits is then another one. Here the rules are those of the file, whatever class the folder names.
"""

from pathlib import Path
from typing import Any

FILE = "tokenizer.json"


def read_tokenizer(folder: Path) -> Any:
    """The tokenizer in a folder; its special tokens are those of transformers, its cuts those of tokenizer.json."""
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    own = getattr(tokenizer, "backend_tokenizer", None)
    if own is None or not (folder / FILE).is_file():
        return tokenizer
    stored = Tokenizer.from_file(str(folder / FILE))
    if own.model.__class__ is not stored.model.__class__ or _rules(own) != _rules(stored):
        own.model = stored.model
        own.normalizer = stored.normalizer
        own.pre_tokenizer = stored.pre_tokenizer
        own.decoder = stored.decoder
    return tokenizer


def _rules(tokenizer: Any) -> tuple[Any, ...]:
    """How a tokenizer cuts, apart from its vocabulary."""
    parts = (tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.decoder)
    options = ("unk_token", "byte_fallback", "fuse_unk", "ignore_merges", "continuing_subword_prefix")
    model = [getattr(tokenizer.model, name, None) for name in options]
    return *(part.__getstate__() if part is not None else None for part in parts), *model
