"""Model folders with something changed in them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

Tensors = dict[str, Any]
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"


def copy_of(folder: Path, target: Path) -> Path:
    """A copy of a model folder."""
    shutil.copytree(folder, target)
    return target


def edit_weights(folder: Path, edit: Callable[[Tensors], Tensors], name: str = WEIGHTS) -> Path:
    """Replace the tensors of a file."""
    from safetensors.torch import load_file, save_file

    tensors = {key: tensor.clone() for key, tensor in edit(load_file(folder / name)).items()}
    save_file(tensors, folder / name, metadata={"format": "pt"})
    return folder


def edit_json(folder: Path, name: str = "config.json", **changes: Any) -> Path:
    """Set keys of a JSON file; the value `...` removes a key."""
    content = json.loads((folder / name).read_text(encoding="utf-8"))
    content |= changes
    kept = {key: value for key, value in content.items() if value is not ...}
    (folder / name).write_text(json.dumps(kept), encoding="utf-8")
    return folder


def in_shards(folder: Path, parts: int = 3) -> Path:
    """Distribute the tensors over `parts` files with an index."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    places = {}
    for at in range(parts):
        names = sorted(tensors)[at::parts]
        file = f"model-{at + 1:05}-of-{parts:05}.safetensors"
        save_file({name: tensors[name] for name in names}, folder / file, metadata={"format": "pt"})
        places |= dict.fromkeys(names, file)
    index = {"metadata": {"total_size": 0}, "weight_map": places}
    (folder / INDEX).write_text(json.dumps(index), encoding="utf-8")
    return folder


def with_stale_shards(folder: Path) -> Path:
    """Shards, and files of an earlier save with other values under all names."""
    from safetensors.torch import load_file, save_file

    earlier = {name: tensor + 1 for name, tensor in load_file(folder / WEIGHTS).items()}
    in_shards(folder)
    for name in ("model-00001-of-00001.safetensors", "zzz.safetensors"):
        save_file(earlier, folder / name, metadata={"format": "pt"})
    return folder
