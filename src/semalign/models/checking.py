"""The check of a model's folder when it is prepared: the library's own view of it, and the values of its weights.

A model that is small also reads a short text; a larger one does so when it is loaded first.
"""

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from semalign.models.architectures import Architecture, architecture_of
from semalign.models.configs import architecture_name
from semalign.models.devices import Loading
from semalign.models.inspection import GENERATION, compare, problems_of
from semalign.models.loaded import explained
from semalign.models.loading import load_model, load_tokenizer, read_config, whole_weights
from semalign.models.naming import listed, own_name
from semalign.models.tokenizers import FILE as TOKENS
from semalign.models.tokenizers import SETTINGS
from semalign.models.values import value_problems
from semalign.models.weights import Weights, shown
from semalign.runtime.errors import Problems, UserError
from semalign.runtime.files import read_json

LOGGER = logging.getLogger(__name__)
LIGHT = 2 * 2**30  # bytes of weights that are loaded for a trial
SAMPLE = "Hello world, it's 12345.6 today!\n\n  x = f(y)  ünï 码 end"


def check_model(folder: Path, loading: Loading | None = None) -> Weights:
    """Check a model's files wholly: what `problems_of` can tell, names and shapes of transformers' own model, the
    tokenizer, and that all weights are finite, also in the precision in which they are loaded.

    Returns the tensors and where they are. Raises UserError with all problems.
    """
    if lines := problems_of(folder):
        raise UserError(*lines)
    config = read_config(folder)
    weights = whole_weights(folder, config)
    facts = architecture_of(architecture_name(config))
    if own := config.get("auto_map"):
        LOGGER.warning(
            "warning: %s: auto_map names code of its own (%s), which never runs; the model is transformers' %s",
            folder / "config.json",
            shown(own),
            architecture_name(config),
        )
    problems = Problems()
    with problems.collect():
        _compare(folder, weights, config)
        _check_tokenizer(folder, config)
    dtype = getattr(torch, (loading or Loading()).dtype)
    problems.add(*value_problems(weights, dtype, *_never_zero(facts)))
    problems.check()
    if sum(math.prod(entry.shape) for entry in weights.tensors.values()) * dtype.itemsize <= LIGHT:
        load_model(folder, "cpu", dtype)
    return weights


def _never_zero(facts: Architecture) -> list[str]:
    """Modules without which a model says nothing; a norm whose gain is stored as a difference from 1 may be zero."""
    return [facts.embedding, facts.head, *([] if facts.gain_offset else [facts.final_norm])]


def _compare(folder: Path, weights: Weights, config: Mapping[str, Any]) -> None:
    """Compare the files with the model that transformers builds from the config, without memory for its weights."""
    from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

    name = architecture_name(config)
    facts = architecture_of(name)
    with explained(folder / "config.json", "transformers can't build a model from it"), torch.device("meta"):
        settings = AutoConfig.from_pretrained(folder, local_files_only=True)
        model = AutoModelForCausalLM.from_config(settings)
    generation = folder / GENERATION
    if generation.exists():
        with explained(generation, "transformers can't read it"):
            GenerationConfig.from_pretrained(folder, local_files_only=True).validate()
    if type(model).__name__ != name:
        raise UserError(
            f"{folder / 'config.json'}: transformers makes a {type(model).__name__} of it, expected {name} from its "
            "`architectures`"
        )
    expected = {own_name(facts, key): tuple(tensor.shape) for key, tensor in model.state_dict().items()}
    lines = compare(weights, expected, bool(model.config.tie_word_embeddings), facts)
    if lines:
        raise UserError(*lines)


def _check_tokenizer(folder: Path, config: Mapping[str, Any]) -> None:
    """Check what the loaded tokenizer says of itself, which may differ from its files."""
    tokenizer = load_tokenizer(folder)
    rows, end = config["vocab_size"], tokenizer.eos_token_id
    if end is None:
        raise UserError(f"{folder}: the tokenizer has no eos token, expected the token that ends a text")
    _check_cut(folder, tokenizer)
    wrong = {token: number for token, number in _used(tokenizer).items() if not 0 <= number < rows}
    if wrong:
        raise UserError(
            f"{folder}: the tokenizer's {listed(map(repr, wrong))} has id {max(wrong.values())}, expected an id below "
            f"{rows}, the rows of the embedding"
        )


def _check_cut(folder: Path, tokenizer: Any) -> None:
    """Compare a text's tokens with those of the file, which some classes do not follow."""
    from tokenizers import Tokenizer

    path = folder / TOKENS
    with explained(path, "the tokenizer can't read a text"):
        stored = Tokenizer.from_file(str(path))
        stored.no_truncation()
        stored.no_padding()
        expected = stored.encode(SAMPLE, add_special_tokens=False).ids
        found = tokenizer(SAMPLE, add_special_tokens=False)["input_ids"]
    if found != expected:
        raise UserError(
            f"{folder / SETTINGS}: found a tokenizer ({type(tokenizer).__name__}) that cuts a text into other tokens "
            f"than {TOKENS} ({len(found)} and {len(expected)} for a sample), expected the same; set tokenizer_class to "
            "PreTrainedTokenizerFast, which reads the file as it is"
        )
    begins = tokenizer(SAMPLE)["input_ids"][:1] == [tokenizer.bos_token_id]
    settings = read_json(folder / SETTINGS) if (folder / SETTINGS).is_file() else {}
    if settings.get("add_bos_token", begins) is not begins:
        LOGGER.warning(
            "warning: %s: add_bos_token is %s, but %s; training and evaluation follow tokenizer.json",
            folder / SETTINGS,
            str(not begins).lower(),
            "texts begin with bos" if begins else "no text begins with bos",
        )


def _used(tokenizer: Any) -> dict[str, int]:
    """Token -> id of all tokens that a text may become: all but special ones, and those that the study adds."""
    aside = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    tokens = {token: number for token, number in tokenizer.get_vocab().items() if token not in aside}
    named = {name: getattr(tokenizer, f"{name}_id", None) for name in ("bos_token", "eos_token", "pad_token")}
    return tokens | {name: number for name, number in named.items() if number is not None}
