"""Conversion of a GGUF file from an installed package into a plain Hugging Face folder.

Two pitfalls of transformers' GGUF reader are handled here. The loaded model still counts as quantized and
can't be saved, so its weights are copied into a new model of the same configuration. The converted tokenizer
loses the splitting rule before the byte-level step; GGUF names it in `tokenizer.ggml.pre`, and it is restored here.
"""

import logging
from pathlib import Path
from typing import Any

from semalign.benchmarks.corpora import package_folder
from semalign.config.models import GgufPackage
from semalign.models.gguf_contents import KIND, PRE, left_out
from semalign.models.gguf_header import read_gguf
from semalign.models.naming import listed
from semalign.runtime.errors import UserError

ARCHITECTURES = ("llama", "mistral", "qwen2", "qwen3", "gemma3")
PRE_TOKENIZERS = ("smollm", "gpt-2", "default")
LOGGER = logging.getLogger(__name__)


def problems_of(settings: GgufPackage, where: str) -> list[str]:
    """What is wrong with a file, one line each, from its header; `where` is the key that names it in the config."""
    try:
        _read(settings)
    except UserError as error:
        return [f"{where}: {line}" for line in error.lines]
    return []


def write_gguf_model(settings: GgufPackage, folder: Path) -> dict[str, str]:
    """Fill `folder` with config, safetensors in float32 and tokenizer; returns the provenance record.

    Raises UserError if the package or the file is missing or incomplete, or its architecture or its tokenizer's
    splitting rule is unknown.
    """
    source, rule = _read(settings)
    LOGGER.info("reading %s from the package %s", settings.file, settings.package)
    _write_tokenizer(source, rule, folder)
    write_weights(source, folder)
    return {"source": "gguf-package", "package": settings.package, "file": settings.file}


def _read(settings: GgufPackage) -> tuple[Path, str]:
    """The file, and the name of its tokenizer's splitting rule."""
    source = package_folder(settings.package) / settings.file
    if not source.is_file():
        raise UserError(f"{source.name}: no such file in the package {settings.package}")
    values, tensors = read_gguf(source)
    rule = values.get(PRE, "default")
    for key, found, known in (
        (KIND, values.get(KIND), ARCHITECTURES),
        (PRE, rule, PRE_TOKENIZERS),
    ):
        if found not in known:
            raise UserError(f"{source}: {key}: found {found!r}, expected one of {', '.join(known)}")
    if lines := list(left_out(values, tensors)):
        raise UserError(*(f"{source}: {line}" for line in lines))
    return source, rule


def write_weights(source: Path, folder: Path) -> None:
    """Write the model in a GGUF file to a folder, in float32, without its tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM

    from semalign.models.loaded import explained

    with explained(source, "transformers can't convert it"):
        loaded, info = AutoModelForCausalLM.from_pretrained(
            source.parent, gguf_file=source.name, dtype=torch.float32, output_loading_info=True
        )
        config = loaded.config
        if hasattr(config, "quantization_config"):
            del config.quantization_config
        fresh = type(loaded)(config)
        fresh.load_state_dict(loaded.state_dict())
    if wrong := {
        *info["missing_keys"],
        *info["unexpected_keys"],
        *(key[0] for key in info["mismatched_keys"]),
    }:
        raise UserError(
            f"{source}: found not just the tensors of {type(loaded).__name__} ({listed(wrong)} differ)"
        )
    fresh.generation_config = loaded.generation_config
    fresh.save_pretrained(folder)


def _write_tokenizer(source: Path, rule: str, folder: Path) -> None:
    from transformers import AutoTokenizer

    from semalign.models.loaded import explained

    with explained(source, "transformers can't convert its tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    tokenizer.backend_tokenizer.pre_tokenizer = _pre_tokenizer(rule)
    tokenizer.save_pretrained(folder)


def _pre_tokenizer(rule: str) -> Any:
    """The step of a tokenizer before its merges, by its name in PRE_TOKENIZERS."""
    from tokenizers import pre_tokenizers

    # The rule splits a text before byte pairs are merged; with another rule the same vocabulary gives other tokens.
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True)
    if rule == "smollm":
        return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level])
    return byte_level
