"""A model's tokenizer files, checked without transformers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semalign.models.naming import listed
from semalign.models.weights import read_object, shown
from semalign.runtime.errors import Problems

FILE = "tokenizer.json"
SETTINGS = "tokenizer_config.json"
MAP = "special_tokens_map.json"
WHAT = "the tokenizer.json of a fast tokenizer (AutoTokenizer.from_pretrained(...).save_pretrained(...) writes it)"
LONGEST = "model_max_length"
CLASS = "tokenizer_class"
NAMED = ("bos_token", "eos_token", "pad_token", "unk_token")
# classes without an eos token unless the files name one; others, such as LlamaTokenizer, have their own
PLAIN = (None, "PreTrainedTokenizerFast", "PreTrainedTokenizer", "TokenizersBackend", "PythonBackend")


def check_tokenizer(folder: Path, rows: int | None, problems: Problems) -> None:
    """Collect what is wrong with the files; `rows` is the number of rows of the embedding, None if unknown."""
    tokens: dict[str, int] | None = None
    path = folder / FILE
    content: dict[str, Any] | None = None
    with problems.collect():
        content = read_object(path, WHAT)
    if content is not None:
        lines, tokens = _vocabulary(content)
        problems.add(*(f"{path}: {line}" for line in lines))
    named = _named(folder, problems)
    if tokens is None or named is None:
        return
    problems.add(*(f"{folder / SETTINGS}: {line}" for line in _end(named, tokens)))
    if rows is not None:
        used = {named[key] for key in NAMED if key in named}
        problems.add(*(f"{path}: {line}" for line in _rows(content or {}, tokens, used, rows)))


def _vocabulary(content: Mapping[str, Any]) -> tuple[list[str], dict[str, int] | None]:
    """Problems, and token -> id of all tokens."""
    model, added = content.get("model"), content.get("added_tokens") or []
    stored = model.get("vocab") if isinstance(model, dict) else None
    if not stored or not isinstance(stored, dict | list):
        return [f"model.vocab: found {shown(stored)}, expected the vocabulary of a tokenizer"], None
    try:
        # a unigram model lists [piece, score] in the order of the ids
        pieces = stored if isinstance(stored, dict) else {entry[0]: at for at, entry in enumerate(stored)}
        tokens = {**pieces, **{token["content"]: token["id"] for token in added}}
    except (TypeError, KeyError, IndexError):
        return ["found entries of another form in model.vocab or added_tokens, expected a tokenizer's"], None
    wrong = [token for token, number in tokens.items() if type(number) is not int or number < 0]
    if wrong:
        return [f"model.vocab: {wrong[0]!r}: found {shown(tokens[wrong[0]])}, expected an id from 0"], None
    if model.get("dropout"):  # type: ignore[union-attr]
        line = f"model.dropout: found {shown(model['dropout'])}, expected null: a text would get other tokens each time"  # type: ignore[index]
        return [line], tokens
    return [], tokens


def _named(folder: Path, problems: Problems) -> dict[str, Any] | None:
    """The special tokens by name, and `tokenizer_class`; None if the files can't be read."""
    settings: dict[str, Any] = {}
    for name in (SETTINGS, MAP):
        # transformers reads the older file only if the newer one does not describe the tokens
        if (name == MAP and "added_tokens_decoder" in settings) or not _there(folder / name):
            continue
        content = None
        with problems.collect():
            content = read_object(folder / name, "a tokenizer's settings, as save_pretrained writes them")
        if content is None:
            return None
        wrong = [key for key in (*NAMED, CLASS) if not isinstance(_text(content.get(key)), str | None)]
        problems.add(
            *(f"{folder / name}: {key}: found {shown(content[key])}, expected a text" for key in wrong)
        )
        if LONGEST in content and not _positive(content[LONGEST]):
            wrong.append(LONGEST)
            problems.add(
                f"{folder / name}: {LONGEST}: found {shown(content[LONGEST])}, expected a number above 0"
            )
        if wrong:
            return None
        if name == MAP:
            problems.add(*_contradictions(folder, settings, content))
        settings |= content
    if not settings and not _there(folder / SETTINGS):
        return None  # the tokens are then the class's own
    return {key: _text(value) if key in NAMED else value for key, value in settings.items()}


def _positive(value: Any) -> bool:
    return type(value) in (int, float) and value > 0


def _contradictions(folder: Path, settings: Mapping[str, Any], older: Mapping[str, Any]) -> list[str]:
    """Tokens at the edges of a text that the two files name differently."""
    return [
        f"{folder / MAP}: {key}: found {_text(older[key])!r}, but {SETTINGS} says {_text(settings[key])!r}; expected "
        "the same token in both"
        for key in NAMED[:2]
        if settings.get(key) is not None
        and older.get(key) is not None
        and _text(settings[key]) != _text(older[key])
    ]


def _text(value: Any) -> Any:
    """A token's text, which may be stored with its properties."""
    return value.get("content", value) if isinstance(value, dict) else value


def _there(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _end(named: Mapping[str, Any], tokens: Mapping[str, int]) -> list[str]:
    """Whether an answer can end: the eos token must be known, and a token of the vocabulary."""
    if "eos_token" not in named and named.get(CLASS) not in PLAIN:
        return []
    end = named.get("eos_token")
    if not isinstance(end, str):
        return [f"eos_token: found {shown(end)}, expected the token that ends a text"]
    return (
        [] if end in tokens else [f"eos_token: found {end!r}, expected a token of the vocabulary in {FILE}"]
    )


def _rows(content: Mapping[str, Any], tokens: Mapping[str, int], used: set[Any], rows: int) -> list[str]:
    """Tokens without a row in the embedding; special ones that no text contains may lack one (Gemma 3 has such)."""
    aside = {token["content"] for token in content.get("added_tokens") or [] if token.get("special")} - used
    without = {token: number for token, number in tokens.items() if number >= rows and token not in aside}
    if not without:
        return []
    return [
        f"found {len(without)} tokens ({listed(map(repr, without))}) with ids up to {max(without.values())}, expected "
        f"ids below {rows}, the rows of the embedding (vocab_size in config.json): is it another model's tokenizer?"
    ]
