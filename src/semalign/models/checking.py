"""The check of a model's folder when it is prepared: the library's own view of it, and the values of its weights.

The files are read once, at the speed of the disk and in parts, so that memory does not grow with the model.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from semalign.models.architectures import architecture_of
from semalign.models.configs import architecture_name
from semalign.models.devices import Loading
from semalign.models.headers import Entry
from semalign.models.inspection import GENERATION, compare, problems_of
from semalign.models.loaded import explained
from semalign.models.loading import load_tokenizer, read_config, whole_weights
from semalign.models.naming import HARMLESS, listed, own_name
from semalign.models.weights import Weights
from semalign.runtime.errors import Problems, UserError

PART = 64 * 2**20  # bytes that are read at once


def check_model(folder: Path, loading: Loading | None = None) -> Weights:
    """Check a model's files wholly: what `problems_of` can tell, names and shapes of transformers' own model, the
    tokenizer, and that all weights are finite, also in the precision in which they are loaded.

    Returns the tensors and where they are. Raises UserError with all problems.
    """
    if lines := problems_of(folder):
        raise UserError(*lines)
    config = read_config(folder)
    weights = whole_weights(folder, config)
    problems = Problems()
    with problems.collect():
        _compare(folder, weights, config)
        _check_tokenizer(folder, config)
    dtype = getattr(torch, (loading or Loading()).dtype)
    problems.add(*value_problems(weights, dtype))
    problems.check()
    return weights


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
    wrong = {token: number for token, number in _used(tokenizer).items() if not 0 <= number < rows}
    if wrong:
        raise UserError(
            f"{folder}: the tokenizer's {listed(map(repr, wrong))} has id {max(wrong.values())}, expected an id below "
            f"{rows}, the rows of the embedding"
        )


def _used(tokenizer: Any) -> dict[str, int]:
    """Token -> id of all tokens that a text may become: all but special ones, and those that the study adds."""
    aside = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    tokens = {token: number for token, number in tokenizer.get_vocab().items() if token not in aside}
    named = {name: getattr(tokenizer, f"{name}_id", None) for name in ("bos_token", "eos_token", "pad_token")}
    return tokens | {name: number for name, number in named.items() if number is not None}


def value_problems(weights: Weights, dtype: torch.dtype) -> list[str]:
    """Tensors with values that are not finite, or too large for `dtype`, one line for each file."""
    lines = []
    for path in weights.files:
        entries = [entry for entry in weights.tensors.values() if entry.path == path]
        broken, large = _broken(path, [entry for entry in entries if not HARMLESS.search(entry.name)], dtype)
        if broken:
            lines.append(f"{path}: found NaN or infinity in {listed(broken)}, expected finite weights")
        if large:
            limit, name = torch.finfo(dtype).max, str(dtype).removeprefix("torch.")
            lines.append(
                f"{path}: found values up to {max(large.values()):.3g} in {listed(large)}, expected at most "
                f"{limit:.3g} for `dtype: {name}`; choose bfloat16 or float32"
            )
    return lines


def _broken(path: Path, entries: list[Entry], dtype: torch.dtype) -> tuple[list[str], dict[str, float]]:
    """Names of the tensors that are not finite, and the largest values of those that `dtype` can't hold."""
    broken: list[str] = []
    large: dict[str, float] = {}
    with explained(path, "can't be read"), safe_open(path, "pt") as file:
        for entry in entries:
            highest = max((_highest(part) for part in _parts(file, entry)), default=0.0, key=_rank)
            if highest != highest or highest == float("inf"):
                broken.append(entry.name)
            elif highest > torch.finfo(dtype).max:
                large[entry.name] = highest
    return broken, large


def _rank(value: float) -> float:
    return float("inf") if value != value else value


def _highest(part: torch.Tensor) -> float:
    """The largest absolute value; NaN if there is one. One pass, without a copy."""
    low, high = torch.aminmax(part)
    return max(abs(float(low)), abs(float(high)))


def _parts(file: Any, entry: Entry) -> Iterator[torch.Tensor]:
    """The tensor in parts of bounded size, along its first dimension."""
    if 0 in entry.shape:
        return
    if not entry.shape:
        yield file.get_tensor(entry.name)
        return
    rows = max(1, PART * entry.shape[0] // max(entry.bytes, 1))
    stored = file.get_slice(entry.name)
    for start in range(0, entry.shape[0], rows):
        yield stored[start : start + rows]
