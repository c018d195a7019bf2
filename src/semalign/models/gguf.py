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
from semalign.runtime.errors import UserError

PRE_TOKENIZER_KEY = "tokenizer.ggml.pre"
LOGGER = logging.getLogger(__name__)


def write_gguf_model(settings: GgufPackage, folder: Path) -> dict[str, str]:
    """Fill `folder` with config, safetensors in float32 and tokenizer; returns the provenance record.

    Raises UserError if the package or the file is missing, or its tokenizer's splitting rule is unknown.
    """
    source = package_folder(settings.package) / settings.file
    if not source.is_file():
        raise UserError(f"{source.name}: no such file in the package {settings.package}")
    rule = _pre_tokenizer_name(source)
    LOGGER.info("reading %s from the package %s", settings.file, settings.package)
    _write_tokenizer(source, rule, folder)
    _write_weights(source, folder)
    return {"source": "gguf-package", "package": settings.package, "file": settings.file}


def _write_weights(source: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    loaded = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
    config = loaded.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    fresh = type(loaded)(config)
    fresh.load_state_dict(loaded.state_dict())
    fresh.generation_config = loaded.generation_config
    fresh.save_pretrained(folder)


def _write_tokenizer(source: Path, rule: str, folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    tokenizer.backend_tokenizer.pre_tokenizer = _pre_tokenizer(rule)
    tokenizer.save_pretrained(folder)


def _pre_tokenizer_name(source: Path) -> str:
    """The name of the splitting rule in the GGUF file's header."""
    from gguf import GGUFReader

    field = GGUFReader(source).get_field(PRE_TOKENIZER_KEY)
    return "default" if field is None else str(field.contents())


def _pre_tokenizer(rule: str) -> Any:
    from tokenizers import pre_tokenizers

    # The rule splits a text before byte pairs are merged; with another rule the same vocabulary gives other tokens.
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True)
    if rule == "smollm":
        return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level])
    if rule in ("default", "gpt-2"):
        return byte_level
    raise UserError(f"{PRE_TOKENIZER_KEY}: found {rule!r}, expected smollm, gpt-2 or default")
