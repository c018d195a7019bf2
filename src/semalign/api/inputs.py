"""What the functions of the interface take: models, tokenizers and examples in any of their usual forms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import torch
from pydantic import BaseModel, ValidationError

from semalign.benchmarks.base import Example
from semalign.benchmarks.encoding import Encoded, encode
from semalign.benchmarks.findings import Findings
from semalign.benchmarks.rows import Layout, item_of
from semalign.config.explaining import explain
from semalign.models.loading import load_model, load_tokenizer, read_shape
from semalign.runtime.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SectionT = TypeVar("SectionT", bound=BaseModel)


class Loaded(NamedTuple):
    """A loaded model and its tokenizer; unpacks as `model, tokenizer`."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase


Model = str | Path | tuple[Any, Any]
"""A model folder, or `(model, tokenizer)`: a transformers (or PEFT) model and its tokenizer."""
Examples = Sequence[tuple[str, str] | Example]
"""`(prompt, answer)` pairs, or examples with more to say."""


def load(folder: str | Path, *, device: str | None = None, dtype: torch.dtype | None = None) -> Loaded:
    """Load the model and the tokenizer of a folder in Hugging Face format, frozen and in evaluation mode.

    Args:
        folder: Folder with config.json, safetensors and the tokenizer's files.
        device: `cpu` or `cuda`. Default: a GPU if there is one (or what SEMALIGN_DEVICE says).
        dtype: Precision of the weights. Default: float32, or what the study that prepared the folder says.

    Raises UserError if the folder does not hold just the tensors of a model of a known architecture.
    """
    return Loaded(load_model(folder, device, dtype), load_tokenizer(folder))


def loaded(given: Model) -> Loaded:
    """The model and tokenizer that a user gave; a folder is loaded.

    Raises UserError for anything else, such as a model without its tokenizer.
    """
    if isinstance(given, str | Path):
        return load(given)
    if isinstance(given, tuple) and len(given) == 2:
        return Loaded(plain(given[0]), given[1])
    raise UserError(f"model: found {type(given).__name__}, expected a folder or (model, tokenizer)")


def plain(model: Any) -> Any:
    """The transformers model itself; that of a PEFT model, with the adapter in place."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def width_of(given: Model) -> int:
    """The width of a model's states, read from the config alone if it is a folder."""
    if isinstance(given, str | Path):
        return read_shape(given).width
    return int(loaded(given).model.config.hidden_size)


def examples_of(given: Examples) -> list[Example]:
    """Examples with ids; prompt and answer of a pair are joined as in a user's own file (`benchmarks.rows`).

    Raises UserError with a line per kind of problem, for none at all, and for an id that occurs twice.
    """
    findings = Findings(Path("examples"))
    found = [_example(findings, number, item) for number, item in enumerate(given, 1)]
    if findings.lines:
        raise UserError(*findings.lines)
    examples = [item for item in found if item is not None]
    ids = {item.id for item in examples}
    if not ids or len(ids) < len(examples):
        raise UserError(
            f"examples: found {len(examples)} with {len(ids)} ids, expected some, each with its own id"
        )
    return examples


def _example(findings: Findings, number: int, item: tuple[str, str] | Example) -> Example | None:
    if isinstance(item, Example):
        return item
    if not (isinstance(item, tuple | list) and len(item) == 2):
        raise UserError(f"examples: found {type(item).__name__}, expected (prompt, answer) or Example")
    return item_of(findings, number, dict(zip(("prompt", "answer"), item, strict=True)), number, Layout())


def encoded_by(tokenizer: Any, examples: Sequence[Example]) -> tuple[list[Encoded], int]:
    """The examples' tokens as in training, and the id that pads them."""
    return [encode(example, tokenizer) for example in examples], tokenizer.pad_token_id or 0


def section_of(section: type[SectionT], name: str, values: Any) -> SectionT:
    """A section of the config from a dict of its keys, or as it is; None: its defaults.

    Raises UserError with a line per wrong key.
    """
    if isinstance(values, section):
        return values
    try:
        return section(**(values or {}))
    except ValidationError as error:
        raise UserError(*explain(error, section, name)) from None
