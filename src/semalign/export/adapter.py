"""The files of an exported adapter, in PEFT's format, without keys that only new versions of PEFT know."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semalign.export.base_model import Base
from semalign.runtime.files import read_json, write_json

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
# written whatever their value; every other key only if it is not at its default. PEFT 0.4 and later know all of them
KEPT = (
    *("base_model_name_or_path", "bias", "fan_in_fan_out", "inference_mode", "lora_alpha", "lora_dropout"),
    *("peft_type", "r", "target_modules", "task_type"),
)
LEFT_OUT = ("peft_version",)  # of the PEFT that trained it, which the card names


def write_adapter(transfer: Path, folder: Path, base: Base) -> None:
    """Copy a method's adapter to `folder`, its config with the name of the base model and without needless keys."""
    config = smallest(read_json(transfer / CONFIG), _defaults())
    config["base_model_name_or_path"] = base.name
    if base.revision:
        config["revision"] = base.revision
    write_json(folder / CONFIG, dict(sorted(config.items())))
    shutil.copyfile(transfer / WEIGHTS, folder / WEIGHTS)


def smallest(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """A config without the keys that are at their default and that PEFT does not need."""
    return {
        key: _whole(value)
        for key, value in config.items()
        if key in KEPT or (key not in LEFT_OUT and value != defaults.get(key))
    }


def _defaults() -> dict[str, Any]:
    """PEFT's defaults as they are stored: JSON has no sets or tuples."""
    from peft import LoraConfig

    stored = LoraConfig().to_dict()
    return {key: list(value) if isinstance(value, set | tuple) else value for key, value in stored.items()}


def _whole(value: Any) -> Any:
    """A number without its fraction if that is zero: `lora_alpha` is declared as a whole number."""
    return int(value) if isinstance(value, float) and value.is_integer() and value else value
