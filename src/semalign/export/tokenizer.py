"""The tokenizer's files next to an exported model, with the template of a chat, if there is one."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Any

from semalign.benchmarks.tokenizer_files import read_tokenizer
from semalign.export.older import PLAIN, tokenizer_settings
from semalign.runtime.files import read_json, write_text

SETTINGS = "tokenizer_config.json"
FILES = (
    *("tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt"),
    *("chat_template*", "additional_chat_templates/*"),
)
PATHS = ("name_or_path", "_file")  # ends of keys whose value may be a path of another machine


def write_tokenizer(model: Path, folder: Path, texts: Iterable[str]) -> None:
    """Copy the tokenizer of a model folder.

    `texts` are examples of what it must cut as the study did. If the class that it names cuts them otherwise, the
    class that only follows tokenizer.json is named instead.
    """
    for path in sorted(found for pattern in FILES for found in model.glob(pattern)):
        target = folder / path.relative_to(model)
        target.parent.mkdir(exist_ok=True)
        if path.name == SETTINGS:
            write_config(target, tokenizer_settings(read_json(path)))
        else:
            shutil.copyfile(path, target)
    _keep_cuts(model, folder, list(texts))


def write_config(path: Path, config: dict[str, Any]) -> None:
    """Write the settings of a model or a tokenizer, without paths of the machine that made them."""
    kept = {key: value for key, value in config.items() if not (key.endswith(PATHS) and _is_path(value))}
    write_text(path, json.dumps(kept, indent=2, ensure_ascii=False) + "\n")


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and PurePath(value).is_absolute()


def _keep_cuts(model: Path, folder: Path, texts: list[str]) -> None:
    from transformers import AutoTokenizer

    own = read_tokenizer(model)
    other = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    if any(own(text).input_ids != other(text).input_ids for text in texts):
        write_config(folder / SETTINGS, read_json(folder / SETTINGS) | {"tokenizer_class": PLAIN})
